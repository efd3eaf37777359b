"""Line ends of messages. On the wire they are CRLF, in mail files LF is usual; what has others among them cannot be converted there and back."""
import re, tempfile

CHUNK = 1 << 20


def chunks(f):
    """Yields the octets of a file from its begin, never cut behind a CR."""
    f.seek(0)
    while True:
        chunk = f.read(CHUNK)
        if not chunk:
            return
        while chunk.endswith(b"\r"):
            more = f.read(1)
            if not more:
                break
            chunk += more
        yield chunk


def is_crlf(f):
    """Tells whether CR and LF stand together wherever they stand."""
    return all(c.count(b"\r\n") == c.count(b"\r") == c.count(b"\n") for c in chunks(f))


def to_lf(f):
    """Yields a message as it is stored: with LF where all its line ends are CRLF, else as it is."""
    convert = is_crlf(f)
    for chunk in chunks(f):
        yield chunk.replace(b"\r\n", b"\n") if convert else chunk


def to_crlf(pieces):
    """Returns a file of these octets with CR before each LF that has none."""
    out, last = tempfile.SpooledTemporaryFile(CHUNK), b""
    for piece in pieces:
        last += piece
        kept = len(last.rstrip(b"\r")) if last.endswith(b"\r") else len(last)
        out.write(re.sub(rb"(?<!\r)\n", b"\r\n", last[:kept]))
        last = last[kept:]
    out.write(last)
    return out


def as_is(pieces):
    """Returns a file of these octets."""
    out = tempfile.SpooledTemporaryFile(CHUNK)
    for piece in pieces:
        out.write(piece)
    return out
