package imapconn

// incomplete is what came of messages of which not all has come.
type incomplete struct {
	parts   map[uint64]*fetched // by UID
	octets  int64               // in parts
	dropped bool                // some of them, for want of room
	seqs    map[uint32]uint64   // UIDs of parts by message sequence number
	orphans map[uint32]*fetched // parts without UID, by sequence number; of a command for one message
}

// maxParts bounds what is kept of messages that come in several responses, in
// octets beside one body. What is dropped is asked for alone.
const maxParts = 8 << 20

// keepPart keeps what came of a message until the rest comes. first reports whether
// it is the first part.
func (n *incomplete) keepPart(seq uint32, m *fetched, maxBody int64) (first bool) {
	if n.parts[m.UID] == nil {
		n.octets += int64(len(m.Header) + len(m.Body) + 500)
	}
	if n.octets > maxParts+maxBody {
		delete(n.parts, m.UID)
		n.dropped = true
		return false
	}
	if first = n.parts[m.UID] == nil; first {
		if n.parts == nil {
			n.parts = map[uint64]*fetched{}
		}
		n.parts[m.UID] = m.clone()
	}
	if n.seqs == nil {
		n.seqs = map[uint32]uint64{}
	}
	n.seqs[seq] = m.UID
	return first
}

// keepOrphan keeps a response without UID to a command for one message: the
// response that has its UID may follow. kept is false if there are too many.
func (n *incomplete) keepOrphan(seq uint32, m *fetched) (kept bool) {
	if len(n.orphans) >= 4 {
		return false
	}
	if n.orphans == nil {
		n.orphans = map[uint32]*fetched{}
	}
	n.orphans[seq] = m.clone()
	return true
}
