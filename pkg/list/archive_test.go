package list_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/fetch"
	"github.com/imap-pipe/imap-pipe/pkg/folder"
	"github.com/imap-pipe/imap-pipe/pkg/headerkey"
	"github.com/imap-pipe/imap-pipe/pkg/imapconn"
	"github.com/imap-pipe/imap-pipe/pkg/imaptest"
	"github.com/imap-pipe/imap-pipe/pkg/list"
	"github.com/imap-pipe/imap-pipe/pkg/progress"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
	"github.com/imap-pipe/imap-pipe/pkg/stream/frame"
)

// archive is the plain stream of an account with small and large mail.
func archive(t *testing.T, content stream.Content, level frame.Level) []byte {
	t.Helper()
	server := imaptest.StartServer(t, imaptest.Options{})
	account := server.Account("joe")
	day := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 5 {
		account.AddMessage("INBOX", nil, day, fmt.Appendf(nil, "Message-ID: <%d@x>\r\n\r\nbody of %d\r\n", i, i))
	}
	account.AddMessage("Größe", nil, day, slices.Concat([]byte("Message-ID: <l@x>\r\n\r\n"), bytes.Repeat([]byte("large "), 500000)))
	account.AddMessage("Größe", nil, day, []byte("Message-ID: <s@x>\r\n\r\nsmall"))
	account.AddMailbox("Nothing")
	host, port, _ := net.SplitHostPort(server.Addr())
	conn := imapconn.Options{Host: host, User: "joe", TLS: imapconn.TLSOptions{Mode: imapconn.None}, Login: imapconn.LoginOptions{Password: func(context.Context) (string, error) { return "secret", nil }}}
	conn.Port, _ = strconv.Atoi(port)
	recipe, err := headerkey.ParseRecipe(headerkey.Default)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{Level: level})
	opt := fetch.Options{Options: export.Options{Content: content, Recipe: recipe, Warn: t.Logf, Progress: progress.None{}}}
	if err := fetch.Run(t.Context(), conn, opt, w, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func reader(data []byte) *stream.Reader { return stream.NewReader(bytes.NewReader(data), false) }

// listing lists an archive: name, messages, octets.
func listing(t *testing.T, data []byte, choice folder.Selection) (lines []string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = list.RunArchive(reader(data), list.Options{Request: list.Request{Folders: choice, Sizes: true}, Warn: t.Logf}, &out)
	for line := range strings.Lines(out.String()) {
		var f struct {
			Name             string
			Messages, Octets int64
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(f.Name, " ", f.Messages, " ", f.Octets))
	}
	return lines, err
}

func TestArchiveListing(t *testing.T) {
	data := archive(t, stream.Full, frame.None)
	lines := slices.Collect(bytes.Lines(data))
	whole := []string{"INBOX 5 160", "Größe 2 3000047", "Nothing 0 0"}
	for name, c := range map[string]struct {
		data   []byte
		choice folder.Selection
		want   []string
		code   exit.Code
	}{
		"all":              {data, folder.Selection{}, whole, exit.OK},
		"twice the same":   {slices.Concat(data, data), folder.Selection{}, whole, exit.OK},
		"chosen":           {data, folder.Selection{Names: []string{"Größe"}}, whole[1:2], exit.OK},
		"one is not there": {data, folder.Selection{Names: []string{"Größe", "Sent"}}, whole[1:2], exit.Partial},
		"cut after two":    {bytes.Join(lines[:6], nil), folder.Selection{}, []string{"INBOX 2 64", "Größe 0 0", "Nothing 0 0"}, exit.Data},
		"cut in the parts": {bytes.Join(lines[:11], nil), folder.Selection{}, []string{"INBOX 5 160", "Größe 0 0", "Nothing 0 0"}, exit.Data},
		"aborted":          {slices.Concat(bytes.Join(lines[:6], nil), []byte(`{"type":"abort","command":"imap-fetch","exit":69,"text":"away"}`+"\n")), folder.Selection{}, []string{"INBOX 2 64", "Größe 0 0", "Nothing 0 0"}, exit.Unavailable},
		"twice, cut first": {slices.Concat(bytes.Join(lines[:11], nil), []byte(`{"type":"abort","command":"imap-fetch","exit":75,"text":"away"}`+"\n"), data), folder.Selection{}, whole, exit.Temporary},
		"two of one":       {slices.Concat(data, bytes.Replace(data, []byte("body of 3"), []byte("BODY of 3"), 1)), folder.Selection{}, whole, exit.OK}, // its sha256 is the same
	} {
		got, err := listing(t, c.data, c.choice)
		if exit.CodeOf(err) != c.code || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// verdict checks an archive in both forms, which must agree.
func verdict(t *testing.T, data []byte) (v list.Verdict, findings []list.Finding, err error) {
	t.Helper()
	var out, text bytes.Buffer
	err = list.Check(reader(data), list.CheckOptions{Safe: strconv.Quote, Progress: progress.None{}, ExitCode: exit.NumberOf}, &out)
	for line := range bytes.Lines(out.Bytes()) {
		var f list.Finding
		if bytes.HasPrefix(line, []byte(`{"type":"check"`)) {
			if err := json.Unmarshal(line, &v); err != nil {
				t.Fatal(err)
			}
		} else if err := json.Unmarshal(line, &f); err != nil {
			t.Fatal(err)
		} else {
			findings = append(findings, f)
		}
	}
	again := list.Check(reader(data), list.CheckOptions{Text: true, Safe: strconv.Quote, Progress: progress.None{}, ExitCode: exit.NumberOf}, &text)
	if exit.CodeOf(again) != exit.CodeOf(err) || v.Exit != int(exit.CodeOf(err)) {
		t.Errorf("%v, %v, %+v", err, again, v)
	}
	for _, f := range findings {
		if line := fmt.Sprintf("%s: %q", f.Type, f.Folder); !strings.Contains(text.String(), line) {
			t.Errorf("no line %s in:\n%s", line, &text)
		}
	}
	if lines := strings.Split(strings.TrimSpace(text.String()), "\n"); !strings.HasPrefix(lines[len(lines)-1], v.Verdict) {
		t.Errorf("the text has not the verdict %s:\n%s", v.Verdict, &text)
	}
	return v, findings, err
}

func TestCheckGoodArchives(t *testing.T) {
	plain := archive(t, stream.Full, frame.None)
	for name, c := range map[string]struct {
		data    []byte
		streams int
		hashed  int64
	}{
		"plain": {plain, 1, 7}, "compressed": {archive(t, stream.Full, frame.Default), 1, 7}, "joined": {slices.Concat(plain, plain), 2, 7}, "headers": {archive(t, stream.Headers, frame.None), 1, 0},
	} {
		v, findings, err := verdict(t, c.data)
		if err != nil || len(findings) > 0 || v.Verdict != "whole" || v.Streams != c.streams || v.Messages != 7 || v.Folders != 3 || v.Hashed != c.hashed || v.Lost != 0 {
			t.Errorf("%s: %v, %+v, %+v", name, err, v, findings)
		}
		if c.hashed > 0 && v.Octets != 3000207 {
			t.Errorf("%s: %d octets", name, v.Octets)
		}
	}
}

// Each kind of loss is found, and named.
func TestCheckNamesWhatIsLost(t *testing.T) {
	data := archive(t, stream.Full, frame.None)
	lines := slices.Collect(bytes.Lines(data))
	change := func(old, new string) []byte { return bytes.Replace(data, []byte(old), []byte(new), 1) }
	for name, c := range map[string]struct {
		data    []byte
		verdict string
		lost    []string // folder, UID, number, reason
	}{
		"a body":           {change("body of 3", "BODY of 3"), "damaged", []string{"INBOX 4 0 damaged"}},
		"not even text":    {change("body of 3", `body \ud8003`), "damaged", []string{"INBOX 4 0 damaged"}},
		"a large body":     {change("large large", "large Large"), "damaged", []string{"Größe 1 0 damaged"}},
		"two":              {bytes.Replace(change("small", "Small"), []byte("body of 0"), []byte("body of O"), 1), "damaged", []string{"INBOX 1 0 damaged", "Größe 2 0 damaged"}},
		"cut":              {bytes.Join(lines[:6], nil), "cut", []string{"INBOX 0 3 cut", "Größe 0 2 cut"}},
		"cut in a line":    {append(bytes.Join(lines[:6], nil), lines[6][:50]...), "cut", []string{"INBOX 0 3 cut", "Größe 0 2 cut"}},
		"cut in the parts": {bytes.Join(lines[:11], nil), "cut", []string{"Größe 1 0 cut", "Größe 0 1 cut"}},
		"a record":         {change(`"uid":3`, `"uid":9`), "damaged", nil},
		"garbage":          {append(bytes.Join(lines[:6], nil), "\x1b[31mgarbage\n"...), "damaged", []string{"INBOX 0 3 cut", "Größe 0 2 cut"}},
		"aborted":          {slices.Concat(bytes.Join(lines[:6], nil), []byte(`{"type":"abort","command":"imap-fetch","exit":69,"text":"\u001b[31maway"}`+"\n")), "aborted", []string{"INBOX 0 3 cut", "Größe 0 2 cut"}},
		"no stream":        {[]byte("From joe\n"), "damaged", nil},
		"nothing":          {nil, "cut", nil},
	} {
		v, findings, err := verdict(t, c.data)
		var lost []string
		n := int64(0)
		for _, f := range findings {
			lost = append(lost, fmt.Sprint(f.Folder, " ", f.UID, " ", f.Messages, " ", f.Reason))
			n += max(f.Messages, 1)
		}
		if exit.CodeOf(err) != exit.Data || v.Verdict != c.verdict || !slices.Equal(lost, c.lost) || v.Lost != n {
			t.Errorf("%s: %v\n%+v\n%q", name, err, v, lost)
		}
	}
}

// What had failed before is named, and is no damage; but an archive in which a
// folder has failed is not whole.
func TestCheckOfFailures(t *testing.T) {
	var out bytes.Buffer
	w := stream.NewWriter(&out, stream.WriterOptions{})
	for _, r := range []stream.Record{
		&stream.Begin{Content: stream.Full, User: "joe", Host: "x", Key: headerkey.Default}, &stream.Folder{Name: "INBOX", Messages: 3, Octets: -1},
		&stream.Failed{Folder: "INBOX", UID: 1, Reason: stream.ReasonRefused, Text: "\x1b[31mno"}, &stream.Expunged{Folder: "INBOX", UID: 2}, &stream.Skipped{Folder: "INBOX", UID: 3, Reason: stream.ReasonContent},
		&stream.Failed{Folder: "Closed", Reason: stream.ReasonRefused},
	} {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(&stream.End{Listed: 2}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	v, findings, err := verdict(t, out.Bytes())
	if exit.CodeOf(err) != exit.Partial || v.Verdict != "incomplete" || v.Exit != 3 || v.Failed != 2 || len(findings) != 2 || findings[0].Type != "failed" || findings[0].UID != 1 {
		t.Errorf("%v, %+v, %+v", err, v, findings)
	}
}

// An account is user, host and port: what failed at one is not tried again by
// a stream of the other.
func TestCheckOfTwoTunnels(t *testing.T) {
	of := func(port int, failed bool) []byte {
		var out bytes.Buffer
		w := stream.NewWriter(&out, stream.WriterOptions{})
		records := []stream.Record{&stream.Begin{Content: stream.Full, User: "joe", Host: "localhost", Port: port, Key: headerkey.Default}, &stream.Folder{Name: "Work", Octets: -1}}
		if failed {
			records = append(records, &stream.Failed{Folder: "Work", Reason: stream.ReasonRefused})
		}
		for _, r := range records {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(&stream.End{}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for port, want := range map[int]string{1143: "whole", 2143: "incomplete"} {
		if v, _, _ := verdict(t, slices.Concat(of(1143, true), of(port, false))); v.Verdict != want {
			t.Errorf("port %d after 1143, where a folder failed: %s, want %s", port, v.Verdict, want)
		}
	}
}
