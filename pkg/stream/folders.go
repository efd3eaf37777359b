package stream

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/imap-pipe/imap-pipe/pkg/fault"
	"github.com/imap-pipe/imap-pipe/pkg/stream/codec"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// WriteFolders writes folder records alone: plain NDJSON without begin and
// end, which is what imap-list prints.
func WriteFolders(w io.Writer, folders []Folder) error {
	for i := range folders {
		line, _ := folders[i].appendTo(nil)
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// HasFolders tells, without reading on, whether in starts with a folder
// record: a list made by WriteFolders, and no stream. in must have room for
// the line.
func HasFolders(in *bufio.Reader) bool {
	if first, _ := in.Peek(1); len(first) == 0 || first[0] != '{' {
		return false // a compressed stream is not waited for
	}
	for n := 512; ; n *= 2 {
		head, err := in.Peek(n)
		if line, _, ok := bytes.Cut(head, lineFeed); ok || err != nil {
			kind, typeErr := codec.TypeOf(line)
			return typeErr == nil && kind == "folder"
		}
	}
}

// ReadFolders reads what WriteFolders wrote, whatever became of its order.
func ReadFolders(in *bufio.Reader) ([]Folder, error) {
	var out []Folder
	var d codec.Decoder
	octets, lines := 0, frame.NewLines(in)
	for {
		line, err := lines.Next()
		if err == bufio.ErrBufferFull {
			return nil, damage(Limit, fmt.Errorf("a line of more than %d octets", MaxLine))
		}
		if octets += len(line); octets > MaxContents {
			return nil, damage(Limit, fmt.Errorf("a list of folders of more than %d octets", MaxContents))
		}
		if len(bytes.TrimSpace(line)) > 0 {
			kind, typeErr := codec.TypeOf(line)
			var r Folder
			d.Begin(line)
			if folderTable.Decode(&d, &r); typeErr != nil || d.Err != nil || kind != r.kind() || !utf8.Valid(line) {
				return nil, damage(Corrupt, errors.New("the list has a line that is no folder record"))
			}
			out = append(out, r)
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fault.Wrap(fault.IO, err)
		}
	}
}
