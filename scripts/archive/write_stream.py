"""Writes a stream as FORMAT.md says: plain, canonical, with the hash at its end."""
import base64, hashlib, json

import message_key
from read_stream import PART, measure

SPEC = "https://github.com/imap-pipe/imap-pipe/blob/main/pkg/stream/FORMAT.md"
TOOL = "mail-to-stream 1"


class Writer:
    """Writes one stream: begin, every folder, then messages and failures folder by folder, then end."""

    def __init__(self, out):
        self.out, self.hash, self.records = out, hashlib.sha256(), 0
        self.counts = dict.fromkeys(("emitted", "expunged", "failed", "folders_failed", "octets", "unknown", "sizes_differ"), 0)

    def begin(self, user, host, delimiter):
        self.write({"type": "begin", "format": "imap-stream", "version": 1, "tool": TOOL, "content": "full", "plan": False, "user": user, "host": host,
                    "prefix": "", "delimiter": delimiter, "key": ",".join(message_key.RECIPE), "filters": [], "labels": {}, "spec": SPEC})

    def folder(self, name, delimiter, subscribed, uidvalidity, uidnext, messages):
        self.write({"type": "folder", "name": name, "delimiter": delimiter, "attributes": [], "subscribed": subscribed,
                    "uidvalidity": number64(uidvalidity), "uidnext": number64(uidnext), "messages": messages})

    def message(self, folder, uidvalidity, uid, flags, internaldate, unknown, rfc822_size, header, f):
        """Writes a message with that Header, whose octets are those of the file f; rfc822_size is None, or what its server says of its size."""
        size, sha256 = measure(f)
        record = {"type": "message", "folder": folder, "uidvalidity": number64(uidvalidity), "uid": number64(uid), "key": header.key(f), "flags": sorted(set(flags), key=str.encode),
                  "internaldate": internaldate, "size": size, "rfc822_size": None if rfc822_size == size else rfc822_size, "unknown": sorted(set(unknown)) or None, "received": header.received_digest(), "header": header.for_people()}
        record = {name: value for name, value in record.items() if value is not None}
        self.counts["emitted"] += 1
        self.counts["octets"] += size
        self.counts["unknown"] += "unknown" in record
        self.counts["sizes_differ"] += "rfc822_size" in record
        if size <= PART:
            f.seek(0)
            self.write(dict(record, sha256=sha256), f.read())
            return
        parts = -(-size // PART)
        self.write(dict(record, parts=parts))
        for part, octets in enumerate(split(f, size), 1):
            place = {"type": "body", "folder": folder, "uid": number64(uid), "part": part, "parts": parts}
            self.write(dict(place, sha256=sha256) if part == parts else place, octets)

    def failed(self, folder, uidvalidity, uid, reason, text):
        """Says that a message could not be had, or a folder, where uid is None."""
        self.counts["failed" if uid else "folders_failed"] += 1
        place = {"uidvalidity": number64(uidvalidity), "uid": number64(uid)} if uid else {}
        self.write(dict({"type": "failed", "folder": folder}, **place, reason=reason, text=text))

    def end(self):
        counts = {name: n for name, n in self.counts.items() if n or name not in ("unknown", "sizes_differ")}
        listed = counts["emitted"] + counts["expunged"] + counts["failed"]
        self.write(dict({"type": "end", "listed": listed}, **counts, records=self.records, hash=self.hash.hexdigest()))
        self.out.flush()

    def abort(self, code, text):
        self.write({"type": "abort", "command": "mail-to-stream", "exit": code, "text": text})
        self.out.flush()

    def write(self, record, body=None):
        line = canonical(record)
        if body is None:
            self.hash.update(line + b"\n")
        else:
            self.hash.update(line[:-1] + b"\n")
            line = line[:-1] + b"," + body_member(body) + b"}"
        self.records += 1
        self.out.write(line + b"\n")


def number64(n):
    """Returns what stands for a number of 64 bits: from 2^53 on a string of its digits."""
    return n if n < 2**53 else str(n)


def canonical(value):
    """Returns canonical JSON in UTF-8; what cannot be UTF-8 in a string becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("\x7f", "\\u007f").encode("utf-8", "replace")


def body_member(octets):
    """Returns the member that holds these octets: as text where that is no longer."""
    digits = base64.b64encode(octets)
    try:
        text = canonical(octets.decode("utf-8"))
        if len(text) - 2 <= len(digits):
            return b'"body":' + text
    except UnicodeDecodeError:
        pass
    return b'"body_base64":"' + digits + b'"'


def split(f, size):
    """Yields the parts of a message; none ends inside a code point."""
    start = 0
    for boundary in range(PART, size, PART):
        f.seek(start)
        octets = f.read(boundary + 3 - start)
        end = part_end(octets, boundary - start)
        yield octets[:end]
        start += end
    f.seek(start)
    yield f.read()


def part_end(octets, boundary):
    """Returns where a part ends that nominally ends at boundary."""
    for i in range(boundary - 1, boundary - 4, -1):
        if octets[i] & 0xc0 != 0x80:
            n = 2 if octets[i] >> 5 == 6 else 3 if octets[i] >> 4 == 14 else 4 if octets[i] >> 3 == 30 else 1
            try:
                octets[i:i + n].decode("utf-8")
            except UnicodeDecodeError:
                return boundary
            return i if i + n > boundary else boundary
    return boundary
