"""Files of mail: written new, for their owner alone, and only regular ones read."""
import collections, os, stat

import mail_dates


# What a file tells of its message: flags, the format's own date and the file's, what
# is unknown of it (as a record names it), and what its server said that its size is.
Found = collections.namedtuple("Found", "flags own octets file unknown rfc822_size", defaults=((), None))


def open_new(path):
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def write(path, chunks, seconds):
    """Writes a file that must be new, and gives it the time of the message."""
    with open_new(path) as f:
        for chunk in chunks:
            f.write(chunk)
    os.utime(path, (seconds, seconds))


def write_lines(path, lines):
    with open_new(path) as f:
        for line in lines:
            f.write(line.encode("utf-8", "surrogateescape") + b"\n")


def open_regular(path):
    """Opens a file to be read; a pipe or device is refused, not waited for."""
    f = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if stat.S_ISREG(os.fstat(f.fileno()).st_mode):
        return f
    f.close()
    raise OSError(None, "not a regular file", path)


def time_of(f):
    """Returns the time of an open file."""
    return mail_dates.of_seconds(os.fstat(f.fileno()).st_mtime)
