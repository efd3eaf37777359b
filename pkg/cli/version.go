package cli

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Version returns the version that this binary was built as: a release, or
// the revision of the sources, with "+dirty" if they had been changed.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision := setting(info, "vcs.revision")
	if revision == "" {
		return "devel"
	}
	if setting(info, "vcs.modified") == "true" {
		revision += "+dirty"
	}
	return "devel-" + revision
}

// versionText is the answer to --version.
func versionText(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", name, Version())
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b.String()
	}
	for _, key := range []string{"vcs.revision", "vcs.time", "vcs.modified"} {
		if value := setting(info, key); value != "" {
			fmt.Fprintf(&b, "  %s %s\n", strings.TrimPrefix(key, "vcs."), value)
		}
	}
	fmt.Fprintf(&b, "  built with %s\n", info.GoVersion)
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		fmt.Fprintf(&b, "  %s %s\n", module.Path, module.Version)
	}
	return b.String()
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
