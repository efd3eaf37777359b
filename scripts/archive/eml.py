"""One file a message, octet by octet, in one directory a folder; index.ndjson beside them says what the octets do not."""
import json, os, re, zlib

import line_ends, mail_dates, mail_files, mail_names
from read_stream import MAX_LINE
from write_stream import canonical, number64

INDEX = "index.ndjson"


class Writer:
    """Writes .eml files below the directory root, which must be new."""

    def __init__(self, root):
        self.root, self.paths, self.tree = root, {}, mail_names.Tree()
        self.index = mail_files.open_new(os.path.join(root, INDEX))

    def folder(self, record):
        name = record["name"]
        if name in self.paths or not mail_names.holds_mail(record):
            return
        path = os.path.join(*self.tree.path(mail_names.levels(name, record.get("delimiter", ""))))
        os.makedirs(os.path.join(self.root, path), 0o700, exist_ok=True)
        self.paths[name] = path

    def message(self, record, octets):
        path = os.path.join(self.paths[record["folder"]], "%d.%010d.eml" % (record["uidvalidity"], record["uid"]))
        date = mail_dates.seconds(mail_dates.of_record(record))
        mail_files.write(os.path.join(self.root, path), line_ends.chunks(octets), date)
        told = {name: record[name] for name in ("folder", "uidvalidity", "uid", "flags", "internaldate", "size", "rfc822_size", "unknown", "sha256") if name in record}
        told.update((name, number64(told[name])) for name in ("uidvalidity", "uid"))
        self.index.write(canonical(dict(file=path, **told, header=dict(record.get("header", [])))) + b"\n")

    def finish(self):
        self.index.close()


class Reader:
    """Finds the .eml files below a directory: each directory that holds some is a folder, the topmost INBOX."""

    def __init__(self, root, keep):
        self.root, self.folders, self.failures, self.notes = root, [], [], []
        index = read_index(root)
        for directory, below, files in os.walk(root, onerror=self.failed):
            below[:] = sorted(n for n in below if not n.startswith("."))
            inside = os.path.relpath(directory, root)
            segments = ["INBOX"] if inside == "." else [mail_names.unescaped(level) for level in inside.split(os.sep)]
            names = sorted(n for n in files if n.lower().endswith(".eml") and not n.startswith("."))
            if names or not below:
                self.folders.append(Folder(root, os.path.normpath(inside), segments, names, index, keep))

    def failed(self, error):
        self.failures.append((os.path.relpath(error.filename, self.root).split(os.sep), error))


def read_index(root):
    """Returns what the index says of each file; one that cannot be read says nothing."""
    index = {}
    try:
        with mail_files.open_regular(os.path.join(root, INDEX)) as f:
            for line in iter(lambda: f.readline(MAX_LINE), b""):
                entry = json.loads(line)
                if is_sound(entry):
                    entry.update((name, int(entry[name])) for name in ("uid", "uidvalidity"))
                    index[entry["file"]] = entry
    except (OSError, ValueError, RecursionError):
        pass
    return index


def is_sound(entry):
    """Tells whether a line of the index is one that Writer could have written."""
    def number(name, most):
        told = entry.get(name)
        digits = isinstance(told, str) and re.fullmatch("[1-9][0-9]{15,19}", told)
        return (type(told) is int or digits) and 0 < int(told) <= most
    def words(name):
        return isinstance(entry.get(name, []), list) and all(isinstance(word, str) for word in entry.get(name, []))
    return isinstance(entry, dict) and isinstance(entry.get("file"), str) and number("uid", 2**64 - 2) and number("uidvalidity", 2**64 - 1) and isinstance(entry.get("size"), int) \
        and words("flags") and words("unknown") and isinstance(entry.get("internaldate", ""), str) \
        and isinstance(entry.get("rfc822_size", 0), int) and 0 <= entry.get("rfc822_size", 0) < 2**53


class Folder:
    """One directory. UIDs are those of the index where it has every file; else they count from 1, in the order of the files' names."""

    subscribed = True

    def __init__(self, root, inside, segments, names, index, keep):
        self.path, self.segments, self.keep = os.path.join(root, inside), segments, keep
        self.index = {name: index[path] for name in names for path in [os.path.normpath(os.path.join(inside, name))] if path in index}
        uids = sorted((entry["uid"], name) for name, entry in self.index.items())
        validities = {entry["uidvalidity"] for entry in self.index.values()}
        if len(dict(uids)) == len(names) and len(validities) == 1:
            self.messages, self.uidvalidity = uids, validities.pop()
        else:
            self.messages, self.uidvalidity = list(enumerate(names, 1)), zlib.crc32("\n".join(names).encode("utf-8", "replace")) or 1
        self.uidnext = self.messages[-1][0] + 1 if self.messages else 1

    def read(self, name):
        """Returns what is Found of a message: without index no own date, and its flags are unknown. OSError: it cannot be read."""
        entry = self.index.get(name, {"unknown": ["flags"]})
        with mail_files.open_regular(os.path.join(self.path, name)) as f:
            same = entry.get("size") == os.fstat(f.fileno()).st_size
            octets = (line_ends.as_is if self.keep or same else line_ends.to_crlf)(line_ends.chunks(f))
            return mail_files.Found(set(entry.get("flags", [])), mail_dates.of_stream(entry.get("internaldate")), octets, mail_files.time_of(f),
                                    entry.get("unknown", []), entry.get("rfc822_size") if same else None)
