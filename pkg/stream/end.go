package stream

import "github.com/imap-pipe/imap-pipe/pkg/stream/codec"

// End closes a stream that is whole. It has a field for each field of the record.
type End struct {
	Listed  int64 // messages that the producer set out to handle, or AsWritten
	Emitted int64 // message records
	Present int64 // in a plan: already at the destination
	Missing int64 // in a plan: to be appended
	// PresentByKey counts, of those present in a plan, the messages that share
	// nothing but their key with what they were taken for.
	PresentByKey int64
	Ambiguous    int64 // in a plan: counted as equal without proof
	Spare        int64 // in a plan: emitted messages that are there already, as their ties tell
	FlagChanges  int64 // in a plan: changes of flags
	Expunged     int64
	Failed       int64 // failed messages
	Folders      int64 // failed folders
	Octets       int64 // sum of the emitted messages' sizes
	Unknown      int64 // of those emitted, so many with items that are unknown
	SizesDiffer  int64 // and so many with another size than the server says
	Excluded     int64 // messages of the stream's folders that its filters left out
	Skipped      int64 // of them, so many have a skipped record
	Plan         bool  // write present, missing and ambiguous
	Records      int64 // lines before this one
	Hash         string
	Extra        []byte
}

func (*End) kind() string { return endTable.Kind }

func (r *End) appendTo(b []byte) ([]byte, int) { return endTable.Encode(b, r) }

var endTable = newTable("end", codec.Fields[End]{
	codec.Int64("listed", func(r *End) *int64 { return &r.Listed }, written, 1),
	planCount("present", func(r *End) *int64 { return &r.Present }, inPlan, 1),
	planExtra("present_by_key", func(r *End) *int64 { return &r.PresentByKey }, optional, 1),
	planCount("missing", func(r *End) *int64 { return &r.Missing }, inPlan, 1),
	planCount("ambiguous", func(r *End) *int64 { return &r.Ambiguous }, inPlan, 1),
	planExtra("spare", func(r *End) *int64 { return &r.Spare }, optional, 1),
	planExtra("flag_changes", func(r *End) *int64 { return &r.FlagChanges }, optional, 1),
	codec.Int64("emitted", func(r *End) *int64 { return &r.Emitted }, written, 1),
	codec.Int64("expunged", func(r *End) *int64 { return &r.Expunged }, written, 1),
	codec.Int64("failed", func(r *End) *int64 { return &r.Failed }, written, 1),
	codec.Int64("folders_failed", func(r *End) *int64 { return &r.Folders }, written, 1),
	codec.Int64("octets", func(r *End) *int64 { return &r.Octets }, written, 1),
	codec.Int64("unknown", func(r *End) *int64 { return &r.Unknown }, optional, 1),
	codec.Int64("sizes_differ", func(r *End) *int64 { return &r.SizesDiffer }, optional, 1),
	codec.Int64("excluded", func(r *End) *int64 { return &r.Excluded }, optional, 1),
	codec.Int64("skipped", func(r *End) *int64 { return &r.Skipped }, optional, 1),
	codec.Others(func(r *End) *[]byte { return &r.Extra }),
	codec.Int64("records", func(r *End) *int64 { return &r.Records }, written, 1),
	codec.String("hash", func(r *End) *string { return &r.Hash }, written, 1),
}, End{}, nil)

// planCount is a count that each plan has.
func planCount(name string, at func(*End) *int64, need codec.Need, since int) codec.Field[End] {
	count := codec.Noting(func(r *End) { r.Plan = true }, codec.Int64(name, at, need, since))
	return codec.Only(func(r *End) bool { return r.Plan }, count)
}

// planExtra is a count that a plan has unless it is 0.
func planExtra(name string, at func(*End) *int64, need codec.Need, since int) codec.Field[End] {
	return codec.Only(func(r *End) bool { return r.Plan && *at(r) != 0 }, codec.Int64(name, at, need, since))
}

// Add adds the counts of another stream.
func (e *End) Add(o *End) {
	e.Plan = e.Plan || o.Plan
	e.Listed += o.Listed
	e.Emitted += o.Emitted
	e.Present += o.Present
	e.PresentByKey += o.PresentByKey
	e.Missing += o.Missing
	e.Ambiguous += o.Ambiguous
	e.Spare += o.Spare
	e.FlagChanges += o.FlagChanges
	e.Expunged += o.Expunged
	e.Failed += o.Failed
	e.Folders += o.Folders
	e.Octets += o.Octets
	e.Unknown += o.Unknown
	e.SizesDiffer += o.SizesDiffer
	e.Excluded += o.Excluded
	e.Skipped += o.Skipped
}

// Abort ends a stream whose producer had to stop early.
type Abort struct {
	Command string
	Exit    int
	Text    string
	Extra   []byte
}

func (*Abort) kind() string { return abortTable.Kind }

func (r *Abort) appendTo(b []byte) ([]byte, int) { return abortTable.Encode(b, r) }

var abortTable = newTable("abort", codec.Fields[Abort]{
	codec.String("command", func(r *Abort) *string { return &r.Command }, written, 1),
	codec.Uint32("exit", func(r *Abort) *int { return &r.Exit }, required, 1),
	codec.String("text", func(r *Abort) *string { return &r.Text }, written, 1),
	codec.Others(func(r *Abort) *[]byte { return &r.Extra }),
}, Abort{}, checkAbort)

func checkAbort(d *codec.Decoder, r *Abort) {
	if d.Err == nil && (r.Exit < 1 || r.Exit > 255) {
		d.Fail("abort with exit %d", r.Exit)
	}
}
