"""Maildir: Maildir++ as Dovecot and Courier have it, or each level in its own directory.

Flags are in the names of files, keywords in dovecot-keywords, arrival dates in
the files' times, UIDs in dovecot-uidlist, subscriptions in subscriptions.
"""
import os, re, zlib

import line_ends, mail_dates, mail_files, mail_names

LETTERS = {"D": "\\Draft", "F": "\\Flagged", "P": "$Forwarded", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
KEYWORD_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# What may be a keyword (RFC 9051: an atom) and a line of a file.
KEYWORD = re.compile(r'[^\x00-\x20\x7f(){%*"\\\]]+')


class Box:
    """What is written of one folder."""

    def __init__(self, path):
        self.path, self.uidvalidity, self.uidnext, self.uids, self.keywords = path, None, 1, [], []


class Writer:
    """Writes a Maildir into the directory root, which must be new."""

    def __init__(self, root, nested, keep):
        self.root, self.nested, self.keep = root, nested, keep
        self.report = None  # is told of flags that have no place here
        self.boxes, self.subscribed = {}, []
        self.make("INBOX", ["INBOX"])

    def folder(self, record):
        name = record["name"]
        segments = mail_names.levels(name, record.get("delimiter", ""))
        if name not in self.boxes and mail_names.holds_mail(record):
            self.make(name, segments)
        if record.get("subscribed"):
            self.subscribe(segments)

    def make(self, name, segments):
        box = Box(os.path.join(self.root, mail_names.maildir_folder(segments, self.nested)))
        for part in "cur", "new", "tmp":
            os.makedirs(os.path.join(box.path, part), 0o700, exist_ok=True)
        if not self.nested and segments != ["INBOX"]:
            open(os.path.join(box.path, "maildirfolder"), "xb").close()
        self.boxes[name] = box

    def subscribe(self, segments):
        line = ("/" if self.nested else ".").join(mail_names.modified_utf7(s, "/" if self.nested else "./") for s in segments)
        if line not in self.subscribed:
            self.subscribed.append(line)

    def message(self, record, octets):
        box, date = self.boxes[record["folder"]], mail_dates.seconds(mail_dates.of_record(record))
        info = "".join(sorted(self.letters(box, record)))
        stored = line_ends.as_is(line_ends.chunks(octets) if self.keep else line_ends.to_lf(octets))
        base = "%d.V%dU%d.archive,S=%d" % (date, record["uidvalidity"], record["uid"], stored.tell())
        mail_files.write(os.path.join(box.path, "cur", base + ":2," + info), line_ends.chunks(stored), date)
        if box.uidvalidity in (None, record["uidvalidity"]):
            box.uidvalidity = record["uidvalidity"]
            box.uids.append((record["uid"], base))
        else:
            box.uidvalidity = 0  # of two: whoever reads this gives new UIDs

    def letters(self, box, record):
        """Yields the letters of a message's flags."""
        system = {flag.lower(): letter for letter, flag in LETTERS.items()}
        for flag in record.get("flags", []):
            if flag.lower() in system:
                yield system[flag.lower()]
            if flag.startswith("\\") and flag.lower() in system:
                continue
            if KEYWORD.fullmatch(flag) and (flag in box.keywords or len(box.keywords) < len(KEYWORD_LETTERS)):
                if flag not in box.keywords:
                    box.keywords.append(flag)
                yield KEYWORD_LETTERS[box.keywords.index(flag)]
            elif flag.lower() not in system:
                self.report.dropped_flag(record, flag)

    def finish(self):
        for box in self.boxes.values():
            if box.keywords:
                mail_files.write_lines(os.path.join(box.path, "dovecot-keywords"), ("%d %s" % pair for pair in enumerate(box.keywords)))
            uids = sorted(box.uids)
            if box.uidvalidity and len(dict(uids)) == len(uids) and max(box.uidvalidity, uids[-1][0] + 2**24) < 2**32:
                head = "3 V%d N%d" % (box.uidvalidity, uids[-1][0] + 1)
                mail_files.write_lines(os.path.join(box.path, "dovecot-uidlist"), [head] + ["%d :%s" % pair for pair in uids])
        mail_files.write_lines(os.path.join(self.root, "subscriptions"), self.subscribed)


class Reader:
    """Finds the folders of a Maildir."""

    def __init__(self, root, keep):
        self.root = root
        self.folders, self.failures, self.notes = [], [], []
        subscribed = self.subscriptions()
        for segments, path in self.find():
            try:
                self.folders.append(Folder(path, segments, keep, subscribed))
            except OSError as e:
                self.failures.append((segments, e))

    def find(self):
        """Yields the levels and the directory of each folder, INBOX first."""
        if os.path.isdir(os.path.join(self.root, "cur")):
            yield ["INBOX"], self.root
        for directory, below, _ in os.walk(self.root):
            for name in sorted(below):
                path = os.path.join(directory, name)
                if os.path.isdir(os.path.join(path, "cur")):
                    inside = os.path.relpath(path, self.root).split(os.sep)
                    yield self.levels(inside), path
            below[:] = sorted(n for n in below if n not in ("cur", "new", "tmp") and not (directory == self.root and n.startswith(".")))

    def levels(self, inside):
        if len(inside) == 1 and inside[0].startswith("."):
            return mail_names.of_maildir_folder(inside[0])
        return [mail_names.from_modified_utf7(level) for level in inside]

    def subscriptions(self):
        """Returns the subscribed folders as lists of levels, or None where nothing tells."""
        try:
            with open(os.path.join(self.root, "subscriptions"), encoding="utf-8", errors="surrogateescape") as f:
                lines = f.read().splitlines()
        except OSError:
            return None
        if lines[:1] == ["V\t2"]:
            return [[mail_names.from_modified_utf7(s) for s in line.split("\t")] for line in lines[1:] if line]
        return [[mail_names.from_modified_utf7(s) for s in re.split("[./]", line)] for line in lines]


class Folder:
    """One folder: its messages are files of cur and new, in the order of their UIDs."""

    def __init__(self, path, segments, keep, subscribed):
        self.path, self.segments, self.keep = path, segments, keep
        self.subscribed = subscribed is None or segments in subscribed
        self.keywords = self.read_keywords()
        found = sorted(self.find())
        uids, self.uidvalidity, self.uidnext = self.read_uids()
        if not self.uidvalidity:
            uids, self.uidvalidity = {}, zlib.crc32("\n".join(base for _, base, _ in found).encode("utf-8", "replace")) or 1
        self.messages = []
        for _, base, place in found:
            uid = uids.pop(base, self.uidnext)
            self.uidnext = max(self.uidnext, uid + 1)
            self.messages.append((uid, place))
        self.messages.sort()

    def find(self):
        """Yields the time, the name without flags, and the place of each message."""
        for part in "cur", "new":
            try:
                files = os.scandir(os.path.join(self.path, part))
            except FileNotFoundError:
                continue
            for file in files:
                if not file.name.startswith("."):
                    base = file.name.split(":2,")[0]
                    date = re.match("[0-9]{1,12}", base)
                    yield int(date[0]) if date else 0, base, os.path.join(part, file.name)

    def read_keywords(self):
        """Returns the keyword of each letter."""
        try:
            with open(os.path.join(self.path, "dovecot-keywords"), encoding="utf-8", errors="replace") as f:
                pairs = re.findall("^([0-9]{1,2}) (%s)$" % KEYWORD.pattern, f.read(), re.M)
        except OSError:
            return {}
        return {KEYWORD_LETTERS[int(i)]: name for i, name in pairs if int(i) < len(KEYWORD_LETTERS)}

    def read_uids(self):
        """Returns the UID of each name in dovecot-uidlist, UIDVALIDITY and UIDNEXT; 0 and 1 without one that holds together."""
        try:
            with open(os.path.join(self.path, "dovecot-uidlist"), encoding="utf-8", errors="surrogateescape") as f:
                head = re.match("3 V([0-9]{1,10}) N([0-9]{1,10})[ \n]", f.readline())
                uids = {m[2].split(":2,")[0]: int(m[1]) for m in (re.match("([0-9]{1,10})(?: [^:]*)? :(.*)$", line) for line in f) if m}
        except OSError:
            head, uids = None, {}
        if not head or len(set(uids.values())) != len(uids) or not all(0 < uid < 2**32 - 2**24 for uid in uids.values()) or not 0 < int(head[1]) < 2**32:
            return {}, 0, 1
        return uids, int(head[1]), max([int(head[2])] + [uid + 1 for uid in uids.values()])

    def read(self, place):
        """Returns what is Found of a message. OSError: it cannot be read."""
        path = os.path.join(self.path, place)
        info = place.partition(":2,")[2] if place.startswith("cur" + os.sep) else ""
        flags = {LETTERS.get(c) or self.keywords.get(c) for c in info} - {None}
        with mail_files.open_regular(path) as f:
            date = mail_files.time_of(f)
            octets = (line_ends.as_is if self.keep else line_ends.to_crlf)(line_ends.chunks(f))
        return mail_files.Found(flags, date, octets, date)
