"""Folder names as names of files: modified UTF-7 for Maildir, percent signs for other trees.

Both can be undone, and no name leads out of the folder that it is put into.
"""
import base64, itertools, re, unicodedata, urllib.parse

DELIMITERS = "/.^|\\~"


class BadName(ValueError):
    """A folder's name that cannot be a file's; the argument says why."""


def holds_mail(folder):
    """Tells whether a folder is more than a level of other names."""
    return not {a.lower() for a in folder.get("attributes", [])} & {"\\noselect", "\\nonexistent"}


def levels(name, delimiter):
    """Splits a folder's name at its delimiter."""
    segments = name.split(delimiter) if delimiter else [name]
    if not all(segments):
        raise BadName("a level of its name is empty")
    return segments


def legal(segments):
    """Returns levels as text: names of files that are not UTF-8 are taken as Latin-1."""
    def text(segment):
        try:
            segment.encode()
            return segment
        except UnicodeEncodeError:
            return segment.encode("utf-8", "surrogateescape").decode("latin-1")
    return [text(s) for s in segments]


def delimiter_for(names):
    """Returns a delimiter that stands in no level of these names, which are lists of levels."""
    used = set(itertools.chain.from_iterable(itertools.chain.from_iterable(names)))
    for delimiter in DELIMITERS:
        if delimiter not in used:
            return delimiter
    raise BadName("every delimiter stands in a name")


def modified_utf7(segment, special=""):
    """Encodes a level (RFC 3501 section 5.1.3), and those of special too, as Courier does."""
    encoded = ""
    for plain, group in itertools.groupby(segment, lambda c: " " <= c <= "~" and c not in special):
        text = "".join(group)
        encoded += text.replace("&", "&-") if plain else "&" + base64.b64encode(text.encode("utf-16-be"), b"+,").decode().rstrip("=") + "-"
    return encoded


def from_modified_utf7(text):
    """Undoes modified_utf7. What is not modified UTF-7 stands for itself."""
    def decode(run):
        digits = run[1].encode()
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), b"+,", validate=True).decode("utf-16-be") if digits else "&"
    try:
        decoded = re.sub("&([A-Za-z0-9+,]*)-", decode, text) if text.isascii() else text
        decoded.encode()
    except ValueError:
        return text
    return decoded


def maildir_folder(segments, nested):
    """Returns the path of a folder in a Maildir: Maildir++, or each level in its own directory."""
    if segments == ["INBOX"]:
        return ""
    if not nested:
        return "." + ".".join(modified_utf7(s, "./") for s in segments)
    return "/".join(maildir_level(s) for s in segments)


def maildir_level(segment):
    """Encodes a level that is a directory of a Maildir; those that mean something there begin with "&"."""
    first = segment[0] if segment.startswith((".", "dovecot")) or segment in ("cur", "new", "tmp", "subscriptions", "maildirfolder") else ""
    return (modified_utf7(first, first) if first else "") + modified_utf7(segment[len(first):], "/")


def of_maildir_folder(path):
    """Undoes maildir_folder for one of Maildir++."""
    return [from_modified_utf7(level) for level in path[1:].split(".")]


def unsafe(c):
    """Tells what a file's name cannot have anywhere, and what acts on a terminal: controls,
    separators of lines, invisible characters that turn the direction of text."""
    return c in '"%*/:<>?\\|' or c not in "\u200c\u200d" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")


# What Windows takes for a device, whatever follows behind a dot.
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)", re.I)


def escaped(segment, more=0):
    """Returns a level as the name of a file anywhere: what is unsafe in one, or for a terminal, is %XX.
    So are the first characters, as many as more says."""
    more = max(more, 1 if DEVICE.match(segment) else 0)
    text = "".join("".join("%%%02X" % o for o in c.encode()) if unsafe(c) or i < more else c for i, c in enumerate(segment))
    if text.startswith(".") or re.search(r"\.(mbox|eml|ndjson|sbd|msf)$", text, re.I):
        text = text.replace(".", "%2E")
    return re.sub("[. ]$", lambda last: "%%%02X" % ord(last[0]), text)


class Tree:
    """Gives folders paths that are different on systems that take names for one which differ in case, or in how an accent is written."""

    def __init__(self):
        self.spelt, self.taken = {}, set()  # by the path above and a level: its name; paths as such systems read them

    def path(self, segments):
        """Returns the names of a folder's levels."""
        names = ()
        for segment in segments:
            if (names, segment) not in self.spelt:
                self.spelt[names, segment] = self.free(names, segment)
            names += (self.spelt[names, segment],)
        return names

    def free(self, above, segment):
        """Returns a name for a level that no other has."""
        for more in range(len(segment) + 1):
            name = escaped(segment, more)
            read = above, unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
            if read not in self.taken:
                self.taken.add(read)
                return name
        raise BadName("another folder has its name")


def unescaped(name):
    """Undoes escaped. What is not UTF-8 after that stands for itself."""
    try:
        return urllib.parse.unquote(name, errors="strict")
    except ValueError:
        return name
