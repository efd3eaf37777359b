package main

import (
	"fmt"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/imap-pipe/imap-pipe/pkg/cli"
	"github.com/imap-pipe/imap-pipe/pkg/exit"
	"github.com/imap-pipe/imap-pipe/pkg/export"
	"github.com/imap-pipe/imap-pipe/pkg/limit"
	"github.com/imap-pipe/imap-pipe/pkg/search"
	"github.com/imap-pipe/imap-pipe/pkg/stream"
)

const choosing = "Messages (all, unless some of these are given; a message must meet each of them)"

// messageFlags are the options that choose messages; messages reads them.
func messageFlags() []ucli.Flag {
	text := func(name, usage string) ucli.Flag {
		return &ucli.StringFlag{Name: name, Category: choosing, Usage: usage}
	}
	list := func(name, usage string) ucli.Flag {
		return &ucli.StringSliceFlag{Name: name, Category: choosing, Usage: usage}
	}
	return []ucli.Flag{
		list("search", "`CRITERIA`: as in IMAP's SEARCH: 'UNSEEN OR FROM joe TO joe'; repeatable"),
		text("since", "`DATE`: arrived on that day or later, as in 2026-01-31"),
		text("before", "`DATE`: arrived before that day"),
		text("sent-since", "`DATE`: sent on that day or later, as its Date field says"),
		text("sent-before", "`DATE`: sent before that day"),
		text("max-age", "`AGE`: arrived at most so long ago: days, as in 1.5, or 90m, 12h, 3d, 2w"),
		text("min-age", "`AGE`: arrived at least so long ago"),
		text("max-size", "`SIZE`: of at most that size, as in 40MB or 1MiB"),
		text("min-size", "`SIZE`: of at least that size"),
		text("uid", "`SET`: with these UIDs, as in 1:100,205,300:*"),
		list("exclude-raw", "`RE`: not what matches anywhere in its octets; a skipped record names each; repeatable"),
		&ucli.BoolFlag{Name: "client-search", Category: choosing,
			Usage: "do not let the server search: look at the messages here"},
	}
}

// messages reads the choice of messages, and what to call it in a stream. Ages
// are before now.
func messages(c *ucli.Context, now time.Time) (choice export.MessageFilter, filters []string, err error) {
	r := &reader{c: c}
	for _, text := range c.StringSlice("search") {
		r.take(search.Parse(text))
	}
	r.days("since", "before", "SINCE %s BEFORE %s", search.Since, search.Before)
	r.days("sent-since", "sent-before", "SENTSINCE %s SENTBEFORE %s", search.SentSince, search.SentBefore)
	r.ages(now)
	r.sizes()
	if set, ok := given(r, "uid", search.ParseUIDSet); ok {
		r.add(search.UID(set))
	}
	r.choice.Here = c.Bool("client-search")
	r.skip()
	return r.choice, r.filters, r.err
}

// reader reads options, up to the first that is wrong.
type reader struct {
	c       *ucli.Context
	choice  export.MessageFilter
	filters []string
	err     error
}

// given reads an option that may be there.
func given[V any](r *reader, name string, parse func(string) (V, error)) (v V, ok bool) {
	if r.err != nil || !cli.IsSet(r.c, name) {
		return v, false
	}
	if v, r.err = parse(r.c.String(name)); r.err != nil {
		r.err = cli.InOption(name, r.err)
	}
	return v, r.err == nil
}

func (r *reader) take(more search.Criteria, err error) {
	if r.err == nil {
		r.err = err
	}
	if r.err == nil {
		r.add(more)
	}
}

// add notes criteria in their canonical text.
func (r *reader) add(more search.Criteria) { r.addAs(more, "search="+more.String()) }

func (r *reader) addAs(more search.Criteria, filter string) {
	r.choice.Criteria = r.choice.Criteria.And(more)
	r.filters = append(r.filters, filter)
}

// empty refuses two ends that nothing is between; either says how to have what
// is on either side of them.
func (r *reader) empty(low, high, either string) {
	r.err = exit.Errorf(exit.Usage, "nothing is between --%s %s and --%s %s", low, cli.Safe(r.c.String(low)), high,
		cli.Safe(r.c.String(high))).
		WithHint("a message must meet both; for those on either side of them, run twice, or give --search 'OR %s'",
			either)
}

func (r *reader) days(low, high, either string, since, before func(search.Date) search.Criteria) {
	from, lower := given(r, low, search.ParseDate)
	to, upper := given(r, high, search.ParseDate)
	if lower && upper && r.err == nil && !from.Before(to) {
		r.empty(low, high, fmt.Sprintf(either, from, to))
	}
	if lower {
		r.add(since(from))
	}
	if upper {
		r.add(before(to))
	}
}

func (r *reader) ages(now time.Time) {
	most, upper := given(r, "max-age", search.ParseAge)
	least, lower := given(r, "min-age", search.ParseAge)
	if upper && lower && r.err == nil {
		r.err = search.CheckAges(most, least)
	}
	at := stream.FilterAt(now)
	if upper {
		c := search.MaxAge(most, now)
		r.addAs(c, "search="+c.String()+at)
	}
	if lower {
		c := search.MinAge(least, now)
		r.addAs(c, "search="+c.String()+at)
	}
}

func (r *reader) sizes() {
	most, upper := given(r, "max-size", parseOctets)
	least, lower := given(r, "min-size", parseOctets)
	if lower && upper && r.err == nil && least > most {
		r.empty("min-size", "max-size", fmt.Sprintf("LARGER %d SMALLER %d", least-1, most+1))
	}
	if upper {
		r.add(search.MaxSize(most))
	}
	if lower {
		r.add(search.MinSize(least))
	}
}

// parseOctets reads a size. That of an empty message is one, too.
func parseOctets(text string) (int64, error) {
	if text == "0" {
		return 0, nil
	}
	return limit.ParseOctets(text)
}

func (r *reader) skip() {
	var names []string
	for _, text := range r.c.StringSlice("exclude-raw") {
		skip, err := search.Skip(text)
		if r.err == nil && err != nil {
			r.err = cli.InOption("exclude-raw", err)
		}
		r.choice.Skip = r.choice.Skip.And(skip)
		names = append(names, "exclude-raw="+text)
	}
	r.filters = append(r.filters, names...)
	r.choice.SkipText = strings.Join(names, ", ")
}
