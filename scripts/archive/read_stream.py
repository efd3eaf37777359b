#!/usr/bin/env python3
"""Reads archives (streams as FORMAT.md says) with Python's standard library alone, and zstd(1) where they are compressed.

usage: read_stream.py [--edited] FILE...      (-: what comes on stdin)
       read_stream.py --vectors VECTOR...

For each file it tells what is wrong with it, or how many messages it holds and
the sha256 over their octets in order. It ends with 0 if all are whole and with
65 if one is not. It shares no code with the Go package, and needs Python 3.8.
"""
import base64, hashlib, io, json, os, re, shutil, subprocess, sys, tempfile, threading

MAX_LINE, MAX_CONTENTS, PART, DEPTH = 2 << 20, 32 << 20, 1 << 20, 64
# Known fields by type: s string, n number, u 32 bits, i 64 bits (from 2^53 on a string of digits), h sha256, b boolean, l list of strings, a list of objects, p port, o object, t object of strings.
FIELDS = {
    "begin": "format:s version:n tool:s content:s plan:b user:s host:s port:p prefix:s delimiter:s target_user:s target_host:s target_port:p key:s filters:l labels:t base:s spec:s",
    "folder": "name:s delimiter:s attributes:l subscribed:b uidvalidity:i uidvalidity_unstable:b uidnext:i highestmodseq:s messages:u uids:s octets:n namespace:s largest:n largest_uid:i oldest:s newest:s acl:t target:s target_uidvalidity:i target_uidnext:i",
    "message": "folder:s uidvalidity:i uid:i change:s target:s key:s flags:l internaldate:s size:n rfc822_size:n unknown:l received:s twin:b header:o gmail_labels:l gmail_msgid:s gmail_thrid:s tie:o parts:u sha256:h body:s body_base64:s",
    "body": "folder:s uid:i part:u parts:u sha256:h body:s body_base64:s",
    "failed": "folder:s uidvalidity:i uid:i reason:s text:s",
    "expunged": "folder:s uidvalidity:i uid:i",
    "folder-expunged": "folder:s uidvalidity:i",
    "skipped": "folder:s uidvalidity:i uid:i reason:s text:s",
    "create": "target:s folder:s",
    "subscribe": "target:s folder:s",
    "delete": "target:s target_uidvalidity:i target_uid:i key:s copy_of:i sha256:h",
    "delete-folder": "target:s target_uidvalidity:i target_uidnext:i messages:u",
    "flags": "folder:s uidvalidity:i uid:i target:s target_uidvalidity:i target_uid:i add:l remove:l",
    "tie": "id:i of:u there:a",
    "end": "listed:n present:n present_by_key:n missing:n ambiguous:n emitted:n expunged:n failed:n folders_failed:n octets:n unknown:n sizes_differ:n excluded:n skipped:n flag_changes:n records:n hash:s",
    "abort": "command:s exit:u text:s",
}
FIELDS = {kind: dict(f.split(":") for f in ("type:s " + fields).split()) for kind, fields in FIELDS.items()}
INNER = {"tied": "uid:i date:n size:n digest:h body:h", "tie of a message": "id:i of:u drop:u digests:l"}
INNER = {kind: dict(f.split(":") for f in fields.split()) for kind, fields in INNER.items()}
BODIES = {"body", "body_base64"}


class Damage(Exception):
    """What is wrong; the argument is the kind."""


def need(ok, kind="corrupt"):
    if not ok:
        raise Damage(kind)


class Number(str):
    """A number as it stands."""


class Pairs(list):
    """An object as it stands."""


def is_text(v):
    return isinstance(v, str) and not isinstance(v, Number)


def no_constant(_):
    raise Damage("corrupt")


DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=no_constant)
SPACE = re.compile(r"[ \t\r\n]*")


def members(line):
    """Yields name and value of each member, and where the member before it ended."""
    skip = lambda i: SPACE.match(line, i).end()
    i, first = skip(0), True
    need(line[i:i + 1] == "{")
    i += 1
    while True:
        before, i = i, skip(i)
        if line[i:i + 1] == "}":
            break
        if not first:
            need(line[i:i + 1] == ",")
            i = skip(i + 1)
        first = False
        need(line[i:i + 1] == '"')
        name, i = DECODER.raw_decode(line, i)
        i = skip(i)
        need(line[i:i + 1] == ":")
        value, i = DECODER.raw_decode(line, skip(i + 1))
        yield name, value, before
    need(skip(i + 1) == len(line))


def check_depth(line):
    if line.count("[") + line.count("{") <= DEPTH:
        return
    depth = 0
    for c in re.findall(r"[][{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", line)):
        depth += 1 if c in "[{" else -1
        need(depth <= DEPTH + 1, "limit")


def texts(value):
    """Yields every string of a value, names included."""
    if isinstance(value, (list, tuple)):
        for v in value:
            yield from texts(v)
    elif is_text(value):
        yield value


def typed(kind, value):
    """Returns a known field's value, which has the kind."""
    if kind == "i" and is_text(value):
        need(re.fullmatch("[1-9][0-9]{15,19}", value) and 2**53 <= int(value) < 2**64)
        return int(value)
    if kind in "nuip":
        need(isinstance(value, Number) and re.fullmatch("0|[1-9][0-9]{0,15}", value))
        need((kind == "p") <= int(value) <= {"n": 2**53 - 1, "u": 2**32 - 1, "i": 2**53 - 1, "p": 2**16 - 1}[kind])
        return int(value)
    need({"s": is_text(value), "h": is_text(value) and re.fullmatch("[0-9a-f]{64}", value), "b": isinstance(value, bool), "l": type(value) is list and all(map(is_text, value)), "a": type(value) is list and all(isinstance(v, Pairs) for v in value), "o": isinstance(value, Pairs),
          "t": isinstance(value, Pairs) and all(is_text(v) for _, v in value)}[kind])
    return value


def check_inner(kind, members):
    """Checks the known fields of an object within a record."""
    for name, value in members:
        if name in INNER[kind]:
            typed(INNER[kind][name], value)


def octets_of(r):
    """Returns the octets of a body, or None where it stands for none."""
    try:
        if "body" in r:
            return r["body"].encode("utf-8")
        octets = base64.b64decode(r["body_base64"], validate=True)
        return octets if base64.b64encode(octets).decode() == r["body_base64"] else None
    except ValueError:
        return None


class Taker:
    """Is told what a reader meets. Each record is a dict of its known fields."""

    def begin(self, record):
        pass

    def delta(self, record):
        """What begins takes back some of what stands in front of it: only the state is what is there in the end."""

    def folder(self, record):
        pass

    def message(self, record, octets):
        """A message is whole: octets is a file that holds it, at its begin."""

    def again(self, record, who):
        """A message of a concatenation was met before: only the flags are news."""

    def damaged(self, record):
        """The octets of a message are not what its record says."""

    def failed(self, record):
        """A message or folder could not be had when the stream was written."""

    def incomplete(self, record):
        """A message of an edited stream has lost parts."""


def account(begin):
    """Returns whose messages a stream holds: ports 993 and 143 are one server, and so is a host in another case."""
    port = begin.get("port")
    return begin.get("user"), begin.get("host", "").lower(), None if port in (993, 143) else port


def identity(begin, message):
    """Returns what tells a message from all others (section 9)."""
    return account(begin) + (message["folder"], message["uidvalidity"], message["uid"])


def chunks(f):
    """Yields the octets of a file from its begin."""
    f.seek(0)
    while True:
        chunk = f.read(PART)
        if not chunk:
            return
        yield chunk


def measure(f):
    """Returns the size and sha256 of a file's octets."""
    size, digest = 0, hashlib.sha256()
    for chunk in chunks(f):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


class Reader:
    """Reads one input, which is one stream or several."""

    def __init__(self, edited, taker=None):
        self.taker = taker or Taker()
        self.edited, self.begun, self.ended, self.open = edited, None, False, None
        self.ends, self.accounts, self.deltas, self.state, self.places, self.streams = set(), set(), False, {}, {}, 0
        self.seen, self.sum, self.messages, self.damaged, self.lost, self.strays, self.exit = {}, hashlib.sha256(), 0, 0, 0, 0, 0

    def record(self, raw):
        try:
            line = raw.decode("utf-8")
            check_depth(line)
            parsed = list(members(line))
        except (ValueError, RecursionError):
            raise Damage("corrupt")
        kind = next((v for n, v, _ in parsed if n == "type" and is_text(v)), None)
        need(kind is not None)
        need(self.begun or kind in ("begin", "abort"), "corrupt" if self.edited or self.ended else "not-a-stream")
        need(not self.begun or kind != "begin", "truncated")
        r = self.fields(kind, parsed)
        if kind == "begin":
            self.start(r)
        if kind == "abort":
            need(1 <= r.get("exit", 0) <= 255)
            self.forget()
            self.exit, self.begun, self.ended = r["exit"], None, True
            return
        if kind == "end":
            self.finish(r)
            return
        if kind == "body" and not self.fits(r):
            need(self.edited, "edited")
            self.strays += 1
            return
        if self.open and kind != "body" and not (kind == "failed" and self.open["id"] == (r.get("folder"), r.get("uid"))):
            need(self.edited, "edited")
            self.lose()
        if kind == "folder":
            self.contents += len(raw) + 1
            need(self.contents <= MAX_CONTENTS, "limit")
        if kind in FIELDS and kind != "begin":
            getattr(self, kind.replace("-", "_"))(r)
        bodies = [at for n, _, at in parsed if n in BODIES and kind in ("message", "body")]
        if bodies:
            raw = line[:bodies[0]].encode()
            self.late = self.late or parsed[-1][2] != bodies[0]
        self.hash.update(raw + b"\n")
        self.records += 1

    def fields(self, kind, parsed):
        """Returns the known fields of a record."""
        r, known = {}, FIELDS.get(kind, {"type": "s"})
        if kind == "begin":
            found = {n: v for n, v, _ in parsed}
            need(found.get("format") == "imap-stream", "not-a-stream")
            need("version" in found and typed("n", found["version"]) == 1, "version")
        for name, value, _ in parsed:
            body = name in BODIES and name in known
            try:
                "".join(texts(name if body else (name, value))).encode("utf-8")
            except UnicodeEncodeError:
                raise Damage("corrupt")  # half a surrogate pair
            if name in known:
                need(name not in r and not (body and BODIES & set(r)))
                r[name] = typed(known[name], value)
        return r

    def start(self, r):
        need(r.get("content") in ("headers", "hashes", "full"))
        whose = account(r)
        self.streams += 1
        known = whose in self.accounts
        if r.get("base") and not r.get("plan") and known:
            need(self.edited or r["base"] in self.ends)
        self.deltas = self.deltas or bool(r.get("base") and self.accounts)
        self.accounts.add(whose)
        self.begun, self.folders, self.unstable, self.contents, self.turn, self.late, self.open = r, {}, set(), 0, 0, False, None
        self.hash, self.records, self.turned = hashlib.sha256(), 0, False
        self.counts = dict.fromkeys(("emitted", "expunged", "failed", "folders_failed", "skipped", "octets", "unknown", "sizes_differ"), 0)
        self.taker.begin(r)
        if r.get("base") and not r.get("plan") and known:
            self.taker.delta(r)

    def folder(self, r):
        need(r.get("name") and r["name"] not in self.folders and not self.turned)
        self.folders[r["name"]] = len(self.folders)
        if r.get("uidvalidity_unstable"):
            self.unstable.add(r["name"])
        self.taker.folder(r)

    def message(self, r):
        need({"folder", "uidvalidity", "uid"} <= set(r) and r["uid"] > 0)
        size, parts, body = r.get("size", 0), r.get("parts", 0), BODIES & set(r)
        need(not body or r.get("sha256") and not parts and size <= PART)
        need(not parts or size > PART and parts == -(-size // PART))
        need("change" not in r or r["change"] == "flags")
        check_inner("tie of a message", r.get("tie", []))
        turn = self.folders.get(r["folder"], -1)
        need(turn >= self.turn)
        if turn != self.turn or not self.turned:
            self.begins(r)
        self.turn, self.turned = turn, True
        self.counts["emitted"] += 1
        self.counts["octets"] += size
        self.count_odd(r, 1)
        who, sha256 = identity(self.begun, r), r.get("sha256")
        if "change" in r and not (body or parts):
            if who in self.state and self.state[who][1] < self.streams:
                self.note(who, r)
            return
        again = who in self.seen
        need(not again or None in (sha256, self.seen[who]) or sha256 == self.seen[who])
        self.seen.setdefault(who, sha256)
        if again:
            self.taker.again(r, who)
        if parts:
            self.open = {"id": (r["folder"], r["uid"]), "identity": who, "part": 1, "parts": parts, "record": r, "octets": tempfile.TemporaryFile(), "again": again}
        elif not again and body:
            octets = octets_of(r)
            self.deliver(r, None if octets is None else io.BytesIO(octets), sha256)
        elif not again:
            self.messages += 1
        if not parts:
            self.note(who, r)

    def begins(self, r):
        """Takes the first message of a folder: one whose messages came under another UIDVALIDITY must not count twice."""
        place, unstable = account(self.begun) + (r["folder"],), r["folder"] in self.unstable
        validity, first, was_unstable = self.places.get(place, (r["uidvalidity"], None, False))
        if validity == r["uidvalidity"]:
            self.places[place] = validity, first or (r["uid"], r.get("key")), unstable or was_unstable
            return
        need(not unstable and not was_unstable and not (r.get("key") and first == (r["uid"], r["key"])))
        self.places[place] = r["uidvalidity"], (r["uid"], r.get("key")), unstable

    def note(self, who, r):
        """Remembers the flags of a message; those that are unknown do not take the place of any."""
        if "flags" not in r.get("unknown", []) or who not in self.state:
            self.state[who] = r.get("flags", []), self.streams

    def count_odd(self, r, n):
        """Counts a message that has unknown items, or another size than its server says."""
        self.counts["unknown"] += n if r.get("unknown") else 0
        self.counts["sizes_differ"] += n if "rfc822_size" in r else 0

    def fits(self, r):
        """Tells whether a body part is the one that comes next."""
        need({"folder", "uid", "part", "parts"} <= set(r) and BODIES & set(r) and bool(r.get("sha256")) == (r["part"] == r["parts"]))
        o = self.open
        return o and (o["id"], o["part"], o["parts"]) == ((r["folder"], r["uid"]), r["part"], r["parts"])

    def body(self, r):
        o = self.open
        o["part"] += 1
        octets = octets_of(r) if o["octets"] and not o["again"] else None
        if octets is None:
            o["octets"] = None
        else:
            o["octets"].write(octets)
        if r["part"] == r["parts"]:
            self.open = None
            self.note(o["identity"], o["record"])
            if not o["again"]:
                self.deliver(o["record"], o["octets"], r["sha256"])

    def deliver(self, record, octets, sha256):
        """Passes on a message whose octets fit its record; None: they do not decode."""
        if octets is None or measure(octets) != (record.get("size", 0), sha256):
            self.damaged += 1
            self.taker.damaged(record)
            return
        self.messages += 1
        for chunk in chunks(octets):
            self.sum.update(chunk)
        octets.seek(0)
        self.taker.message(dict(record, sha256=sha256), octets)

    def take_back(self):
        """Counts the message whose parts are under way as a failure."""
        self.counts["emitted"] -= 1
        self.counts["failed"] += 1
        self.counts["octets"] -= self.open["record"].get("size", 0)
        self.count_odd(self.open["record"], -1)
        self.forget()

    def lose(self):
        """Counts the message whose parts are under way, and do not come, as lost."""
        self.taker.incomplete(self.open["record"])
        self.take_back()
        self.lost += 1

    def forget(self):
        """Drops the message whose parts are under way: it may come again."""
        if self.open and not self.open["again"]:
            del self.seen[self.open["identity"]]
        self.open = None

    def failed(self, r):
        need(r.get("folder") and r.get("reason"))
        if self.open:
            self.take_back()
        else:
            self.counts["failed" if r.get("uid") else "folders_failed"] += 1
        self.taker.failed(r)

    def expunged(self, r):
        need(r.get("folder") and r.get("uid"))
        self.counts["expunged"] += 1
        if self.begun.get("base"):
            self.state.pop(account(self.begun) + (r["folder"], r.get("uidvalidity", 0), r["uid"]), None)

    def folder_expunged(self, r):
        need(r.get("folder") and "uidvalidity" in r)
        place = account(self.begun) + (r["folder"], r["uidvalidity"])
        if self.places.get(place[:-1], (None,))[0] == r["uidvalidity"]:
            del self.places[place[:-1]]
        for known in (self.seen, self.state):
            for identity in [i for i in known if i[:5] == place]:
                del known[identity]

    def skipped(self, r):
        need(r.get("folder") and r.get("uid") and r.get("reason"))
        self.counts["skipped"] += 1

    def create(self, r):
        need(r.get("target"))

    subscribe = create

    def delete(self, r):
        need(r.get("target") and r.get("target_uidvalidity") and r.get("target_uid") and r.get("key") and r.get("copy_of") != r["target_uid"])

    def delete_folder(self, r):
        need(r.get("target") and {"target_uidvalidity", "target_uidnext", "messages"} <= set(r))

    def flags(self, r):
        need(all(r.get(k) for k in ("folder", "uid", "target", "target_uidvalidity", "target_uid")) and "uidvalidity" in r and (r.get("add") or r.get("remove")))

    def tie(self, r):
        need(r.get("id") and {"of", "there"} <= set(r))
        for one in r["there"]:
            check_inner("tied", one)

    def finish(self, r):
        accounted = sum(self.counts[k] for k in ("emitted", "expunged", "failed"))
        fits = all(r.get(k, 0) == n for k, n in self.counts.items()) and (self.begun.get("plan") or r.get("listed", 0) == accounted) and r.get("records", 0) == self.records and r.get("hash") == self.hash.hexdigest()
        need(self.edited or fits and not self.open and not self.late, "edited")
        if self.open:
            self.lose()
        self.ends.add(r.get("hash"))
        self.begun, self.ended = None, True

    def told(self):
        return f"ok messages={self.messages} bodies={self.sum.hexdigest()} damaged={self.damaged} lost={self.lost} skipped={self.strays} abort={self.exit}" + self.told_state()

    def told_state(self):
        """Tells what an input with deltas is in the end."""
        if not self.deltas:
            return ""
        rows = sorted(f"{i[3]}\t{i[4]}\t{i[5]}\t{' '.join(flags)}\n".encode() for i, (flags, _) in self.state.items())
        return " state=" + hashlib.sha256(b"".join(rows)).hexdigest()


def split(f, failure=lambda: None):
    """Yields the lines of f; failure tells what kept it from reading on."""
    while True:
        line = f.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            need(len(line) < MAX_LINE, "limit")
            kind = failure()
            need(not kind, kind)
            need(not line, "truncated")
            return
        yield line[:-1]


def is_zstd(head):
    """Tells whether four octets begin a zstd frame, or one to be skipped."""
    return head == b"\x28\xb5\x2f\xfd" or len(head) == 4 and head[0] & 0xf0 == 0x50 and head[1:] == b"\x2a\x4d\x18"


class Rejoined(io.RawIOBase):
    """Octets that were read from a pipe already, and the pipe behind them."""

    def __init__(self, head, pipe):
        self.head, self.pipe = head, pipe

    def readable(self):
        return True

    def readinto(self, buffer):
        octets = self.head[:len(buffer)] or self.pipe.read1(len(buffer))
        self.head = self.head[len(octets):]
        buffer[:len(octets)] = octets
        return len(octets)


def pump(f, pipe):
    """Copies f into a pipe until either ends."""
    try:
        with pipe:
            for chunk in iter(lambda: f.read(1 << 16), b""):
                pipe.write(chunk)
    except BrokenPipeError:
        pass


def lines(f):
    """Yields the lines of a file or pipe that is compressed or not."""
    head = f.read(4)
    need(head, "truncated")
    if f.seekable():
        f.seek(0)
    else:
        f = io.BufferedReader(Rejoined(head, f))
    if head[:1] == b"{":
        yield from split(f)
        return
    need(is_zstd(head), "not-a-stream")
    if not shutil.which("zstd"):
        raise FileNotFoundError(None, "it is compressed: install zstd, or give what zstd -dc makes of it")
    if f.seekable():
        os.lseek(f.fileno(), 0, os.SEEK_SET)  # beneath Python's buffer
    source = f if f.seekable() else subprocess.PIPE
    with tempfile.TemporaryFile() as said, subprocess.Popen(["zstd", "-dcq", "-M8MB"], stdin=source, stdout=subprocess.PIPE, stderr=said) as p:
        if p.stdin:
            threading.Thread(target=pump, args=(f, p.stdin), daemon=True).start()
            p.stdin = None  # the thread closes it

        def failure():
            if p.wait() == 0:
                return None
            said.seek(0)
            words = said.read()
            return "limit" if b"too much memory" in words else "truncated" if b"premature end" in words else "corrupt"
        try:
            yield from split(p.stdout, failure)
        finally:
            p.stdout.close()


def take(f, edited, taker=None):
    """Reads an input to its end and returns its reader. Damage ends it."""
    reader = Reader(edited, taker)
    for raw in lines(f):
        reader.record(raw)
    need(reader.ended and not reader.begun, "truncated")
    return reader


def read(f, edited):
    """Returns what is to be said of an input, and its exit code."""
    try:
        reader = take(f, edited)
    except Damage as damage:
        return damage.args[0], 65
    return reader.told(), reader.exit or (65 if reader.damaged or reader.lost else 0)


def vector(f):
    head, _, data = f.read().partition(b"\n\n")
    head = dict(line.split(": ", 1) for line in head.decode().splitlines())
    with tempfile.TemporaryFile() as stream:
        stream.write(base64.b64decode(data) if head.get("encoding") == "base64" else data)
        stream.seek(0)
        return read(stream, head.get("edited") == "yes")[0], 0


def main(arguments):
    options = [a for a in arguments if a.startswith("--")]
    paths = arguments[len(options):]
    if not paths or set(options) - {"--edited", "--vectors"}:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 64
    worst = 0
    for path in paths:
        try:
            with open(path, "rb") if path != "-" else sys.stdin.buffer as f:
                told, code = vector(f) if "--vectors" in options else read(f, "--edited" in options)
        except OSError as e:
            told, code = e.strerror, 66
        print(ascii(os.path.basename(path))[1:-1] + ": " + told)
        worst = max(worst, code)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
