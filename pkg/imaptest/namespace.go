package imaptest

import "strings"

// namespace is the personal namespace of an account.
type namespace struct{ prefix, delimiter string }

// namespace asks NAMESPACE (RFC 2342), or LIST "" "" for the delimiter alone.
func (c *wire) namespace() (namespace, error) {
	if c.caps["NAMESPACE"] {
		lines, err := c.command("NAMESPACE")
		if err != nil {
			return namespace{}, err
		}
		for _, line := range lines {
			if line.name != "NAMESPACE" || len(line.values) == 0 {
				continue
			}
			personal, _ := line.values[0].([]any)
			if len(personal) > 0 {
				if first, _ := personal[0].([]any); len(first) >= 2 {
					return namespace{decodeUTF7(text(first[0])), text(first[1])}, nil
				}
			}
		}
	}
	lines, err := c.command(`LIST "" ""`)
	for _, line := range lines {
		if line.name == "LIST" && len(line.values) >= 2 {
			return namespace{"", text(line.values[1])}, nil
		}
	}
	return namespace{}, err
}

// path turns a server's name into one that reads the same on every server:
// no prefix, "/" between levels. A "/" inside a level is written "_".
func (ns namespace) path(folder string) string {
	if strings.EqualFold(folder, "INBOX") {
		return "INBOX"
	}
	rest := strings.TrimPrefix(folder, ns.prefix)
	if ns.delimiter == "" || ns.delimiter == "/" {
		return rest
	}
	levels := strings.Split(rest, ns.delimiter)
	for i := range levels {
		levels[i] = strings.ReplaceAll(levels[i], "/", "_")
	}
	return strings.Join(levels, "/")
}

// folder is the inverse of path; a delimiter inside a level is written "_".
func (ns namespace) folder(path string) string {
	if strings.EqualFold(path, "INBOX") {
		return "INBOX"
	}
	levels := strings.Split(path, "/")
	if ns.delimiter != "/" && ns.delimiter != "" {
		for i := range levels {
			levels[i] = strings.ReplaceAll(levels[i], ns.delimiter, "_")
		}
	}
	return ns.prefix + strings.Join(levels, ns.delimiter)
}
