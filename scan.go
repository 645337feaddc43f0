package baton

import (
	"context"
	"fmt"
	"iter"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// ScanOptions say what a scan is to return. The zero value is everything.
type ScanOptions struct {
	Match string // glob pattern of names; empty: all
	Count int64  // how much the server looks at for each call; 0: its default of 10
	Type  string // Scan only: type of the keys, as "string" or "zset"; empty: all
}

// Scan yields the keys of the database. While it goes on others may add and remove keys: one that is there all the time
// is yielded, maybe more than once; one that is not may be or not. The loop may be left at any time. An error is yielded
// once, with an empty key, and ends the scan.
func (c *commands) Scan(ctx context.Context, o ScanOptions) iter.Seq2[string, error] {
	return scan(ctx, c, "SCAN", "", o, scanTexts)
}

// HScan yields the fields of the hash at key with their values, under the conditions of Scan.
func (c *commands) HScan(ctx context.Context, key string, o ScanOptions) iter.Seq2[Field, error] {
	return scan(ctx, c, "HSCAN", key, o, scanFields)
}

// SScan yields the members of the set at key, under the conditions of Scan.
func (c *commands) SScan(ctx context.Context, key string, o ScanOptions) iter.Seq2[string, error] {
	return scan(ctx, c, "SSCAN", key, o, scanTexts)
}

// ZScan yields the members of the sorted set at key with their scores, under the conditions of Scan.
func (c *commands) ZScan(ctx context.Context, key string, o ScanOptions) iter.Seq2[Z, error] {
	return scan(ctx, c, "ZSCAN", key, o, scanZs)
}

// scan asks for page after page until the server says that it was the last. Each page has an own call, so that nothing is
// held while the caller looks at it.
func scan[T any](ctx context.Context, c *commands, name, key string, o ScanOptions, decode func(string) (page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := "0"; ; {
			p, err := fetch(ctx, c, scanPage(c.newCall(), name, key, cursor, o), decode)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, v := range p.items {
				if !yield(v, nil) {
					return
				}
			}
			if cursor = p.next; cursor == "0" {
				return
			}
		}
	}
}

func scanPage(q *conn.Call, name, key, cursor string, o ScanOptions) request {
	r := command(q, name)
	if name != "SCAN" {
		r.str(key)
		if o.Type != "" {
			r.fail(fmt.Errorf("Type is %q, which is for Scan only", o.Type))
		}
	}
	r.str(cursor)
	if o.Match != "" {
		r.str("MATCH")
		r.str(o.Match)
	}
	r.limit("COUNT", o.Count)
	if o.Type != "" {
		r.str("TYPE")
		r.str(o.Type)
	}
	return r
}

// page is what the server answers to one step of a scan.
type page[T any] struct {
	next  string // "0" if it was the last
	items []T
}

func decodePage[T any](reply string, items func(*resp3.Cursor) ([]T, error)) (p page[T], err error) {
	w := resp3.Walk(reply)
	if err = openOf(&w, 2); err != nil {
		return p, nullIsNil(err)
	}
	if p.next, err = w.Text(); err != nil {
		return p, nullIsNil(err)
	}
	p.items, err = items(&w)
	return p, err
}

func scanTexts(reply string) (page[string], error) {
	return decodePage(reply, textsOf)
}

func scanFields(reply string) (page[Field], error) {
	return decodePage(reply, func(w *resp3.Cursor) ([]Field, error) { return pairsOf(w, field) })
}

func scanZs(reply string) (page[Z], error) {
	return decodePage(reply, func(w *resp3.Cursor) ([]Z, error) { return pairsOf(w, scored) })
}
