package main

import (
	"context"
	"errors"
	"strconv"
)

// personKey is a hash of ten fields.
const personKey = "bench:person"

// person is the struct that it is read into.
type person struct {
	Name    string  `redis:"name"`
	Email   string  `redis:"email"`
	City    string  `redis:"city"`
	Country string  `redis:"country"`
	Age     int     `redis:"age"`
	Visits  int64   `redis:"visits"`
	Score   float64 `redis:"score"`
	Active  bool    `redis:"active"`
	Level   int     `redis:"level"`
	Note    string  `redis:"note"`
}

// somebody is in the hash.
var somebody = person{"Ann Example", "ann@example.org", "Berlin", "Germany", 42, 123456, 0.75, true, 7, "long walks and short programs"}

// sum says whether all fields have come.
func (p person) sum() int {
	n := len(p.Name) + len(p.Email) + len(p.City) + len(p.Country) + len(p.Note) + p.Age + int(p.Visits) + int(100*p.Score) + p.Level
	if p.Active {
		n++
	}
	return n
}

func personHash() []string {
	p := somebody
	return []string{
		"HSET", personKey, "name", p.Name, "email", p.Email, "city", p.City, "country", p.Country, "age", strconv.Itoa(p.Age),
		"visits", strconv.FormatInt(p.Visits, 10), "score", strconv.FormatFloat(p.Score, 'g', -1, 64), "active", "1", "level", strconv.Itoa(p.Level), "note", p.Note,
	}
}

// personOf is for a client that gives a map: what its user writes by hand.
func personOf(m map[string]string) (p person, err error) {
	p.Name, p.Email, p.City, p.Country, p.Note = m["name"], m["email"], m["city"], m["country"], m["note"]
	var errs [5]error
	p.Age, errs[0] = strconv.Atoi(m["age"])
	p.Visits, errs[1] = strconv.ParseInt(m["visits"], 10, 64)
	p.Score, errs[2] = strconv.ParseFloat(m["score"], 64)
	p.Active, errs[3] = strconv.ParseBool(m["active"])
	p.Level, errs[4] = strconv.Atoi(m["level"])
	return p, errors.Join(errs[:]...)
}

func structScenarios() []Scenario {
	return []Scenario{{Name: "hgetall-struct", What: "HGETALL of 10 fields into a struct", Want: somebody.sum(), Main: "bytes", Quick: quickAll, Op: opStruct}}
}

func opStruct(s *Session) opFunc {
	if s.Struct == nil {
		return nil
	}
	return func(ctx context.Context, w *Worker) (int, error) { return s.Struct(ctx, w, personKey) }
}

// structGoals say that a struct costs no more memory than with any other client.
func structGoals() []Goal {
	const what = "a hash of ten fields into a struct"
	return []Goal{
		{What: what, Scenario: "hgetall-struct", Metric: "bytes", How: lowest, Limit: 1},
		{What: what, Scenario: "hgetall-struct", Metric: "allocs", Limit: 6 + slack},
	}
}
