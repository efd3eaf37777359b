"""mboxrd: one file a folder, NAME.mbox, those below it in the directory NAME.

Each message begins with a From_ line and ends with one LF that is not its own.
A line that begins with "From ", whatever number of ">" stands before that, gets
one ">" more, so that this can be undone. Flags are in three lines right behind
the From_ line: Status, X-Status and X-Keywords, always and in this order.
"""
import os, re, zlib

import line_ends, mail_dates, mail_files, mail_names

STATUS = {"R": "\\Seen"}
X_STATUS = {"A": "\\Answered", "D": "\\Deleted", "F": "\\Flagged", "T": "\\Draft"}
KEYWORD = re.compile(r"[!-~\x80-\U0010ffff]+")
OURS = re.compile(rb"Status: ([A-Z]*)\nX-Status: ([A-Z]*)\nX-Keywords:([^\r\n]*)\n")
LONG = 1 << 16  # octets of a line that are looked at at a time


class Writer:
    """Writes mboxes below the directory root, which must be new."""

    def __init__(self, root, keep):
        self.root, self.keep = root, keep
        self.report = None  # is told of flags that have no place here
        self.paths, self.name, self.file = {}, None, None
        self.tree = mail_names.Tree()

    def folder(self, record):
        name = record["name"]
        if name in self.paths or not mail_names.holds_mail(record):
            return
        path = os.path.join(self.root, *self.tree.path(mail_names.levels(name, record.get("delimiter", "")))) + ".mbox"
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        mail_files.open_new(path).close()
        self.paths[name] = path

    def message(self, record, octets):
        out = self.open(record["folder"])
        out.write(("From %s %s\n" % (sender(record), mail_dates.from_line_date(mail_dates.of_record(record)))).encode())
        out.write(self.status(record))
        for chunk in quoted(line_ends.chunks(octets) if self.keep else line_ends.to_lf(octets)):
            out.write(chunk)
        out.write(b"\n")

    def open(self, name):
        if self.name != name:
            self.finish()
            self.file, self.name = open(self.paths[name], "ab"), name
        return self.file

    def status(self, record):
        flags = {flag.lower(): flag for flag in record.get("flags", [])}
        def letters(table):
            return "".join(letter for letter, flag in sorted(table.items()) if flags.pop(flag.lower(), None))
        seen, others = letters(STATUS), letters(X_STATUS)
        for flag in list(flags.values()):
            if not KEYWORD.fullmatch(flag):
                self.report.dropped_flag(record, flags.pop(flag.lower()))
        return ("Status: %sO\nX-Status: %s\nX-Keywords: %s\n" % (seen, others, " ".join(sorted(flags.values())))).encode()

    def finish(self):
        if self.file:
            self.file.close()


def sender(record):
    """Returns the address for a From_ line, which is for people only. (The parser of Python fails at many parentheses.)"""
    text = str(dict(record.get("header", [])).get("From", ""))[:4096]
    address = re.search(r"<([!-;=?-~]+)>", text)
    address = address[1] if address else text.strip()
    return address if re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", address) else "MAILER-DAEMON"


def quoted(pieces):
    """Yields a message with one ">" more before each line that begins as a From_ line does, quoted or not."""
    for text, begins in lines(pieces):
        yield re.sub(b"^(?=>*From )", b">", text, flags=re.M) if begins else text


def unquoted(pieces):
    """Undoes quoted."""
    for text, begins in lines(pieces):
        yield re.sub(b"^>(?=>*From )", b"", text, flags=re.M) if begins else text


def lines(pieces):
    """Yields whole lines, many at a time, and True; pieces of long lines and whether each begins its line."""
    rest, begins = b"", True
    for piece in pieces:
        rest += piece
        if not begins:
            end = rest.find(b"\n") + 1
            yield rest[:end] if end else rest, False
            rest, begins = rest[end:] if end else b"", end > 0
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end], True
            rest = rest[end:]
        if len(rest) < LONG:
            continue
        run = len(rest) - len(rest.lstrip(b">"))
        if len(rest) - run < len(b"From "):  # what follows decides, on the last ">"
            yield rest[:run - 1], False
            rest = rest[run - 1:]
        else:
            yield rest, True
            rest, begins = b"", False
    if rest:
        yield rest, begins


class Reader:
    """Finds the mboxes in a file or below a directory."""

    def __init__(self, root, keep):
        self.folders, self.failures, self.notes = [], [], []
        for segments, path in [(["INBOX"], root)] if os.path.isfile(root) else find(root):
            try:
                with mail_files.open_regular(path) as f:
                    if is_mbox(f, path):
                        self.folders.append(Folder(path, segments, f, keep))
                    else:
                        self.notes.append("%s is no mbox: passed over" % path)
            except OSError as e:
                self.failures.append((segments, e))


def find(root):
    """Yields the levels and the path of each file that may be an mbox."""
    for directory, below, files in os.walk(root):
        below.sort()
        parents = [mail_names.unescaped(re.sub(r"\.(sbd|mbox)$", "", level)) for level in os.path.relpath(directory, root).split(os.sep) if level != "."]
        for name in sorted(files):
            if name.startswith(".") or name.endswith(".msf"):
                continue
            level = mail_names.unescaped(re.sub(r"\.mbox$", "", name))
            segments = parents if name == "mbox" and directory.endswith(".mbox") else parents + [level]
            yield ["INBOX"] if len(segments) == 1 and segments[0].upper() == "INBOX" else segments, os.path.join(directory, name)


def is_mbox(f, path):
    f.seek(0)
    line = f.readline(LONG)
    return line.startswith(b"From ") or not line and path.endswith(".mbox")


class Folder:
    """One mbox: messages have UIDs from 1."""

    subscribed = True

    def __init__(self, path, segments, f, keep):
        self.path, self.segments, self.keep = path, segments, keep
        self.messages, checksum = [], 0
        starts, line_begins = [], True
        f.seek(0)
        while True:
            line = f.readline(LONG)
            if not line:
                break
            if line_begins and line.startswith(b"From ") and from_date(line):
                starts.append(f.tell() - len(line))
                checksum = zlib.crc32(b"%d %s" % (starts[-1], line), checksum)
            line_begins = line.endswith(b"\n")
        if f.tell() and starts[:1] != [0]:
            raise OSError(None, "its first line is no From_ line with a date", path)
        self.messages = list(enumerate(zip(starts, starts[1:] + [f.tell()]), 1))
        self.uidvalidity, self.uidnext = checksum or 1, len(starts) + 1

    def read(self, place):
        """Returns what is Found of a message. OSError: it cannot be read."""
        start, end = place
        with mail_files.open_regular(self.path) as f:
            f.seek(start)
            line = f.readline(LONG)
            if not line.startswith(b"From "):
                raise OSError(None, "the file has changed", self.path)
            flags, ours = self.flags(f)
            pieces = unquoted(self.pieces(f, end - self.last(f, end, ours)))
            octets = (line_ends.as_is if self.keep else line_ends.to_crlf)(pieces)
            return mail_files.Found(flags, from_date(line), octets, mail_files.time_of(f))

    def flags(self, f):
        """Returns the flags of a message, and whether its status lines are of our Writer, behind which it begins."""
        start = f.tell()
        head = f.read(LONG)
        ours = OURS.match(head)
        f.seek(start + (ours.end() if ours else 0))
        header = head[:ours.end()] if ours else re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
        status = {name.lower(): value for name, value in re.findall(rb"^(Status|X-Status|X-Keywords):([^\r\n]*)", header, re.M | re.I)}
        def letters(name, table):
            return {flag for letter, flag in table.items() if letter in status.get(name, b"").decode("ascii", "replace").upper()}
        words = status.get(b"x-keywords", b"").decode("utf-8", "replace").split()
        return letters(b"status", STATUS) | letters(b"x-status", X_STATUS) | {w for w in words if KEYWORD.fullmatch(w)}, bool(ours)

    def last(self, f, end, ours):
        """Returns how many octets before end are not the message's: the line end that separates it from the next."""
        place = f.tell()
        f.seek(max(place, end - 4))
        tail = f.read(end - f.tell())
        f.seek(place)
        if ours or tail.endswith(b"\n\n"):
            return int(tail.endswith(b"\n"))
        return 2 if tail.endswith(b"\n\r\n") else 0

    def pieces(self, f, end):
        """Yields the octets up to end."""
        while f.tell() < end:
            piece = f.read(min(line_ends.CHUNK, end - f.tell()))
            if not piece:
                raise OSError(None, "the file has become shorter", self.path)
            yield piece


def from_date(line):
    return mail_dates.of_from_line(line.decode("latin-1"))
