package errs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

type chameleon struct{ as *fs.PathError }

func (c chameleon) Error() string { return "chameleon" }

func (c chameleon) As(target any) bool {
	p, ok := target.(**fs.PathError)
	if ok {
		*p = c.as
	}
	return ok
}

// As finds what errors.As finds, and nothing where that finds nothing.
func TestAsFindsWhatTheStandardLibraryFinds(t *testing.T) {
	first, second := &fs.PathError{Op: "first", Err: os.ErrNotExist}, &fs.PathError{Op: "second", Err: os.ErrNotExist}
	plain := errors.New("plain")
	tests := map[string]struct {
		err  error
		want *fs.PathError
	}{
		"nil":               {nil, nil},
		"another type":      {plain, nil},
		"wrapped, none":     {fmt.Errorf("a: %w", plain), nil},
		"itself":            {first, first},
		"wrapped":           {fmt.Errorf("a: %w", fmt.Errorf("b: %w", second)), second},
		"joined":            {errors.Join(plain, first, second), first},
		"deep in a branch":  {errors.Join(plain, fmt.Errorf("a: %w", errors.Join(plain, second)), first), second},
		"joined, none":      {errors.Join(plain, plain), nil},
		"says it is one":    {fmt.Errorf("a: %w", chameleon{as: second}), second},
		"joins of wrapping": {fmt.Errorf("%w and %w", plain, first), first},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := As[*fs.PathError](tt.err)
			var std *fs.PathError
			assert.Equal(t, errors.As(tt.err, &std), ok)
			assert.Same(t, std, got)
			assert.Same(t, tt.want, got)
		})
	}
}

func TestIsTimeout(t *testing.T) {
	assert.True(t, IsTimeout(fmt.Errorf("a: %w", os.ErrDeadlineExceeded)))
	assert.True(t, IsTimeout(errors.Join(errors.New("plain"), context.DeadlineExceeded)))
	assert.False(t, IsTimeout(&fs.PathError{Err: os.ErrNotExist})) // has the method, and says no
	assert.False(t, IsTimeout(errors.New("plain")))
	assert.False(t, IsTimeout(nil))
}
