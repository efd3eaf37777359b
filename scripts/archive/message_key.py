"""The key of a message, its digest of Received lines and its header for people, as FORMAT.md says (section 5, Keys). The recipe is message-id,date."""
import email.errors, email.header, hashlib, re

import line_ends

RECIPE = ("message-id", "date")
ORIGIN = ("date", "from", "to", "subject")
SHOWN = {"message-id": "Message-ID", "date": "Date", "from": "From", "subject": "Subject"}
# Of a field that RFC 5322 section 3.6 allows once, the first counts.
SINGLE = frozenset("date from sender reply-to to cc bcc message-id in-reply-to references subject".split())
MAX_NAME, MAX_VALUE, MAX_LINES = 998, 64 << 10, 16 << 10
MAX_RAW = 4 * MAX_VALUE  # of a value as it is read, CRs among it
MAX_SHOWN, MAX_ENCODED = 4 << 10, 16 << 10
BLANKS = b" \t\r\v\f"
# A Message-ID that imap-push added to a message without one.
ADDED = re.compile(rb"<[0-9]+\.[0-9]+\.[0-9a-fA-F]{16}@added\.imap-pipe\.invalid>")


class Header:
    """The fields of a message that count for its key."""

    def __init__(self, f):
        self.first = {}  # the raw value of each field of SINGLE that is there
        self.digests = []  # of every field
        self.received, self.last_hop = hashlib.sha256(), None  # the first Received field is the last hop
        self.name, self.value = None, b""
        f.seek(0)
        for line in logical_lines(f):
            self.take(line)
        self.close()

    def take(self, line):
        if line[:1] in (b" ", b"\t"):
            if self.name and len(self.value) < MAX_RAW:
                self.value += line
            return
        self.close()
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if colon and len(name) <= MAX_NAME and re.fullmatch(b"[!-9;-~]+", name):
            self.name, self.value = name.decode().lower(), value

    def close(self):
        """Takes the field that has ended, if it counts."""
        name, raw, self.name = self.name, self.value, None
        if not name or name in self.first:
            return
        raw = capped(raw)
        if not raw.strip(BLANKS) or name == "message-id" and not is_message_id(raw):
            return
        if name in SINGLE:
            self.first[name] = raw
        line = material(name, raw)
        if name == "received":
            self.received.update(line)
            self.last_hop = self.last_hop or raw
        self.digests.append(hashlib.sha256(line).digest())

    def key(self, f):
        """Returns the key; f is the message, on whose octets the lowest rung decides."""
        for rung, names in ("recipe", RECIPE), ("origin", ORIGIN):
            if rung == "recipe" and "message-id" not in self.first:
                continue  # a Date alone is shared by different messages
            lines = b"".join(material(n, self.first[n]) for n in names if n in self.first)
            if lines:
                return rung + ":" + short(lines)
        if self.digests:
            first, rest = sorted(self.digests[:MAX_LINES]), self.digests[MAX_LINES:]
            return "header:" + short(b"".join(first) + (hashlib.sha256(b"".join(rest)).digest() if rest else b""))
        return "body:" + loose_digest(f)[:32]

    def received_digest(self):
        return self.received.hexdigest()[:16] if self.last_hop else None

    def for_people(self):
        """Returns the fields that people read, decoded."""
        return {SHOWN[n]: text for n in SHOWN for text in [readable(self.first.get(n, b""))] if text}


def is_message_id(raw):
    """Says whether a Message-ID names a message: it holds a digit or a letter but X, and is not of imap-push."""
    return not ADDED.fullmatch(raw.strip(BLANKS + b"\n")) and re.search(b"[0-9A-WYZ]", normal(raw))


def logical_lines(f):
    """Yields the lines of a header without their ends, very long ones cut."""
    while True:
        line = f.readline(MAX_RAW)
        end = line
        while end and not end.endswith(b"\n"):
            end = f.readline(MAX_RAW)
        line = line.rstrip(b"\n").rstrip(b"\r") if line.endswith(b"\n") else line
        if not line.rstrip(b"\r"):
            return
        yield line


def capped(raw):
    """Cuts a value behind MAX_VALUE octets that are no CRs."""
    room, kept = MAX_VALUE, b""
    if len(raw) <= room:
        return raw
    for run in re.findall(rb"\r+|[^\r]+", raw):
        if run[:1] == b"\r":
            kept += b"\r"
            continue
        kept += run[:room]
        room -= min(room, len(run))
    return kept


def material(name, raw):
    """Returns what is hashed of a field."""
    return name.encode() + b":" + normal(raw) + b"\n"


def masked(octets):
    return re.sub(b"X+", b"X", re.sub(rb"[\x00\x80-\xff]", b"X", octets))


def normal(raw):
    """Returns a value in its normal form: white space collapsed, letters in capitals, NUL and 8-bit octets masked."""
    return masked(re.sub(b"[ \t\r\v\f]+", b" ", raw).strip(b" ").upper())


def short(octets):
    return hashlib.sha256(octets).hexdigest()[:32]


def loose_digest(f):
    """Returns the SHA-256 of a message without CRs, with NUL and 8-bit octets masked."""
    digest, after_x = hashlib.sha256(), False
    for chunk in line_ends.chunks(f):
        chunk = masked(chunk.replace(b"\r", b""))
        if chunk:
            digest.update(chunk[1:] if after_x and chunk.startswith(b"X") else chunk)
            after_x = chunk.endswith(b"X")
    return digest.hexdigest()


def readable(raw):
    """Makes a line of text of a raw value, for people: RFC 2047 decoded where that works."""
    text = re.sub(b"[ \t\r\v\f]+", b" ", raw.lstrip(BLANKS)[:MAX_ENCODED]).strip(b" ").decode("utf-8", "replace")
    if "=?" in text:
        try:
            text = str(email.header.make_header(email.header.decode_header(text))) or text
        except (ValueError, LookupError, email.errors.HeaderParseError):
            pass
    text = re.sub("\r\n|[\r\n]", " ", text).encode("utf-8", "replace")[:MAX_SHOWN]
    return text.decode("utf-8", "ignore")
