package headerkey

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// realistic returns n messages of 4.7 kB with the header of ordinary mail.
func realistic(n int) [][]byte {
	messages := make([][]byte, n)
	for i := range messages {
		var b bytes.Buffer
		fmt.Fprintf(&b, "Return-Path: <sender%d@example.org>\r\nDelivered-To: joe@example.net\r\n", i)
		for hop := range 4 {
			fmt.Fprintf(&b, "Received: from mx%d.example.org (mx%d.example.org [192.0.2.%d])\r\n\tby mail%d.example.net (Postfix) with ESMTPS id 4AB%07d\r\n\tfor <joe@example.net>; Mon, 1 Jun 2020 10:%02d:00 +0200 (CEST)\r\n", hop, hop, hop, hop, i, hop)
		}
		fmt.Fprintf(&b, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=2020;\r\n\th=from:to:subject:date:message-id; bh=%s;\r\n\tb=%s\r\n", strings.Repeat("k", 44), strings.Repeat("Zm9v", 60))
		fmt.Fprintf(&b, "Message-ID: <%08d.%08x@example.org>\r\nDate: Mon, 1 Jun 2020 10:%02d:%02d +0200\r\nFrom: =?utf-8?q?J=C3=B6rg?= <sender%d@example.org>\r\nTo: Joe <joe@example.net>\r\nSubject: =?utf-8?q?Entw=C3=BCrfe?= for number %d\r\n", i, i*7, i/60%60, i%60, i, i)
		b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Mailer: Example 1.0\r\nX-Spam-Status: No, score=-1.9 required=5.0 tests=BAYES_00,\r\n\tDKIM_SIGNED,DKIM_VALID autolearn=ham\r\nList-Id: <list.example.org>\r\n\r\n")
		for b.Len() < 4700 {
			b.WriteString("A line of the body, as long as lines of bodies tend to be.\r\n")
		}
		messages[i] = b.Bytes()
	}
	return messages
}

// Each round is 20,000 messages, written whole and read as a verb would.
func benchmark(b *testing.B, r string, chunk int, read func(*Scanner)) {
	messages := realistic(20000)
	s := NewScanner(recipe(b, r))
	b.ReportAllocs()
	for b.Loop() {
		for _, message := range messages {
			s.Reset()
			for rest := message; len(rest) > 0 && !s.HeaderDone(); {
				n := min(chunk, len(rest))
				s.Write(rest[:n])
				rest = rest[n:]
			}
			read(s)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20000, "ns/message")
}

func BenchmarkKey(b *testing.B)      { benchmark(b, Default, 1<<20, func(s *Scanner) { s.Sum() }) }
func BenchmarkKeyIn512(b *testing.B) { benchmark(b, Default, 512, func(s *Scanner) { s.Sum() }) }
func BenchmarkKeyReceived(b *testing.B) {
	benchmark(b, Default, 1<<20, func(s *Scanner) { s.Received() })
}
func BenchmarkKeyHeader(b *testing.B) { benchmark(b, Default, 1<<20, func(s *Scanner) { s.Header() }) }
func BenchmarkALL(b *testing.B)       { benchmark(b, "ALL", 1<<20, func(s *Scanner) { s.Sum() }) }

func BenchmarkFieldsBlock(b *testing.B) {
	block := []byte("Message-ID: <00000001.00000007@example.org>\r\nDate: Mon, 1 Jun 2020 10:00:01 +0200\r\n\r\n")
	s := NewScanner(recipe(b, Default))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		s.Write(block)
		s.Sum()
	}
}

func BenchmarkDigest(b *testing.B) {
	message := bytes.Join(realistic(200), nil)
	d := NewDigester()
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		d.Reset()
		d.Write(message)
		d.Sum()
	}
}
