package main

import "slices"

// median is the middle of the values, the mean of the two middle ones if their number is even, and false for none.
func median(v []float64) (float64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	s := slices.Sorted(slices.Values(v))
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m], true
	}
	return (s[m-1] + s[m]) / 2, true
}

// Results are the cells of a run, in the order in which they were measured.
type Results []Cell

// where selects the measured cells of a driver in a scenario, at most one for each round.
func (r Results) where(scenario, driver string) map[int]Metrics {
	found := make(map[int]Metrics)
	for _, c := range r {
		if c.Scenario == scenario && c.Driver == driver && c.Error == "" && !c.Skipped {
			found[c.Round] = c.Metrics
		}
	}
	return found
}

// figures are a driver's figures of that name, one for each round that has it.
func (r Results) figures(scenario, driver, metric string) []float64 {
	var v []float64
	for _, m := range r.where(scenario, driver) {
		if x, ok := m[metric]; ok {
			v = append(v, x)
		}
	}
	return v
}

// median is the median over rounds of a figure.
func (r Results) median(scenario, driver, metric string) (float64, bool) {
	return median(r.figures(scenario, driver, metric))
}

// ratio is the median over rounds of the quotient of two drivers' figures in the same round.
func (r Results) ratio(scenario, driver, against, metric string) (float64, bool) {
	return median(r.ratios(scenario, driver, against, metric))
}

// ratios are the quotients of two drivers' figures in the same round. Rounds in which one of them has no figure, or the second
// has zero, do not count.
func (r Results) ratios(scenario, driver, against, metric string) []float64 {
	return r.paired(scenario, driver, against, metric, func(x, y float64) (float64, bool) { return x / y, y != 0 })
}

// excesses are the differences of two drivers' figures in the same round.
func (r Results) excesses(scenario, driver, against, metric string) []float64 {
	return r.paired(scenario, driver, against, metric, func(x, y float64) (float64, bool) { return x - y, true })
}

func (r Results) paired(scenario, driver, against, metric string, f func(x, y float64) (float64, bool)) []float64 {
	theirs := r.where(scenario, against)
	var v []float64
	for round, m := range r.where(scenario, driver) {
		x, ok := m[metric]
		y, also := theirs[round][metric]
		if !ok || !also {
			continue
		}
		if q, ok := f(x, y); ok {
			v = append(v, q)
		}
	}
	return v
}

// drivers are the names of the drivers that have figures in a scenario, in the order of first appearance in the given list.
func (r Results) drivers(scenario string, order []string) []string {
	var found []string
	for _, name := range order {
		if len(r.where(scenario, name)) > 0 {
			found = append(found, name)
		}
	}
	return found
}

// spread is how far a figure of one driver lies apart over the rounds. The floors do the same work in every round, so theirs is
// a measure of how quiet the machine was.
func (r Results) spread(scenario, driver, metric string) float64 {
	return spread(r.figures(scenario, driver, metric))
}

// spread is the largest divided by the smallest of the middle half of the values, or of all if there are fewer than four; 0 for
// less than two.
func spread(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	cut := len(v) / 4
	v = v[cut : len(v)-cut]
	if len(v) < 2 || v[0] <= 0 {
		return 0
	}
	return v[len(v)-1] / v[0]
}
