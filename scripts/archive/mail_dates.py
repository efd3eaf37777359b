"""Arrival dates: as streams, From_ lines and header fields write them."""
import datetime, email.utils, re

UTC = datetime.timezone.utc
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# What C's asctime writes, with a zone before or behind the year, as some do.
ASCTIME = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) +(%s) +(\d\d?) +(\d\d?):(\d\d)(?::(\d\d))?(?: +[A-Z]{2,5}(?: [A-Z]{3})?| +([-+]\d{4}))?"
                     r" +(\d{4})(?: +([-+]\d{4}))?\s*$" % "|".join(MONTHS))


def of_stream(text):
    """Returns the time of an internaldate, or None."""
    try:
        date = datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text or ""))
        return date if date.tzinfo else None
    except ValueError:
        return None


def of_record(record):
    """Returns when a message arrived, or else was sent; None where nothing tells."""
    return of_stream(record.get("internaldate")) or of_field(dict(record.get("header", [])).get("Date", "").encode())


def to_stream(date):
    """Writes a time as internaldate, or None where it cannot."""
    return date.replace(microsecond=0).isoformat() if date and 1 <= date.year <= 9999 and date.utcoffset().total_seconds() % 60 == 0 else None


def of_seconds(seconds):
    try:
        return datetime.datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def seconds(date):
    """Returns the seconds since 1970 of a time that files can have; 0 without one."""
    try:
        return min(max(0, int(date.timestamp())), 2**33) if date else 0
    except (ValueError, OverflowError):
        return 0


def of_from_line(line):
    """Returns the time in a From_ line, in UTC where it names no zone by number; None if there is none."""
    m = ASCTIME.search(line)
    if not m:
        return None
    month, day, hour, minute, second, zone, year, behind = m.groups()
    zone = zone or behind or "+0000"
    try:
        offset = datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        return datetime.datetime(int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), min(int(second or 0), 59),
                                 tzinfo=datetime.timezone(-offset if zone[0] == "-" else offset))
    except (ValueError, OverflowError):
        return None


def from_line_date(date):
    """Writes a time as a From_ line does, in UTC."""
    at = of_seconds(seconds(date))
    return "%s %s %2d %02d:%02d:%02d %04d" % ("Mon Tue Wed Thu Fri Sat Sun".split()[at.weekday()], MONTHS[at.month - 1], at.day, at.hour, at.minute, at.second, at.year)


def of_field(raw):
    """Returns the time at the end of a Date or Received field's raw value (RFC 5322 section 3.3), or None."""
    try:
        date = email.utils.parsedate_to_datetime((raw or b"")[-200:].rpartition(b";")[2].decode("latin-1"))
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
