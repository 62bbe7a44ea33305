// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
)

// readHeader reads the names of the columns.
func readHeader(r *records) ([]string, error) {
	fields, err := r.read()
	if errors.Is(err, io.EOF) || err == nil && len(fields) == 0 {
		return nil, newError(r.path, "No header", "The first line is blank. It must name the columns.").at(1)
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(fields))
	first := make(map[string]int, len(fields))
	for i, f := range fields {
		names[i] = strings.TrimSpace(string(f))
		if err := checkName(r.path, names[i], i); err != nil {
			return nil, err
		}
		if before, ok := first[names[i]]; ok {
			return nil, newError(r.path, "Column name that stands twice", "Columns %d and %d have the same name. Rename one of them.", before+1, i+1).at(1).in(names[i])
		}
		first[names[i]] = i
	}
	return names, checkNotData(r.path, names)
}

func checkName(path, name string, i int) error {
	if name == "" {
		return newError(path, "Column without a name", "Column %d of the header has no name. Name it; pandas writes such a column for its index unless it is told index=False.", i+1).at(1)
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return newError(path, "Column name with control characters", "The name of column %d is %q. Rename it.", i+1, name).at(1)
	}
	return nil
}

// checkNotData refuses a first line of numbers, which is a row of a file
// without header. The numbers 0, 1, 2 and so on are names that pandas gives.
func checkNotData(path string, names []string) error {
	counted := true
	for i, n := range names {
		if k := classify([]byte(n)); k != kindInt && k != kindFloat {
			return nil
		}
		counted = counted && n == strconv.Itoa(i)
	}
	if counted {
		return nil
	}
	return newError(path, "No header", "The first line holds only numbers, so it looks like a row. Add a line with the names of the columns.").at(1)
}

// checkColumns refuses a Spec that names columns which are not there.
func (s Spec) checkColumns(path string, names []string) error {
	if err := s.present(path, names, s.Target, "target"); err != nil {
		return err
	}
	if err := s.present(path, names, s.ID, "id"); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		if err := s.present(path, names, name, "typed column"); err != nil {
			return err
		}
	}
	return nil
}

func (s Spec) present(path string, names []string, name, what string) error {
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return newError(path, "Unknown "+what, "The file has no column %q. %s", name, s.hint(names, name)).at(1).in(name)
}

// hint says what the user may have meant.
func (s Spec) hint(names []string, name string) string {
	if len(names) == 1 {
		for _, d := range []rune{';', '\t', '|', ','} {
			if strings.ContainsRune(names[0], d) {
				return fmt.Sprintf("Its header is one column that holds %q: set the delimiter to it.", d)
			}
		}
	}
	if near := nearest(names, name); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	return "Its columns are " + list(names) + "."
}

// nearest is the name that is a typing error away, or empty.
func nearest(names []string, name string) string {
	best, distance := "", (len(name)+2)/3+1
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return n
		}
		if d := levenshtein.Distance(strings.ToLower(n), strings.ToLower(name), nil); d < distance {
			best, distance = n, d
		}
	}
	return best
}

// list shows up to ten names.
func list(names []string) string {
	shown := names[:min(len(names), 10)]
	out := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}
