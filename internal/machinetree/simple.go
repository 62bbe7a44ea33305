// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// maxRepeat bounds BYTExCOUNT of root.hex.
const maxRepeat = 1 << 16

// eachLine makes something of every line and says which one is wrong.
func eachLine(ls []line, do func(text string) error) error {
	for _, l := range ls {
		if err := do(l.text); err != nil {
			return l.at(err)
		}
	}
	return nil
}

func absentRecipe(b *builder, ls []line) error { return eachLine(ls, b.tree.remove) }

func dirsRecipe(b *builder, ls []line) error { return eachLine(ls, b.tree.dir) }

func linksRecipe(b *builder, ls []line) error {
	return eachLine(ls, func(text string) error {
		name, target, ok := strings.Cut(text, " -> ")
		if !ok {
			return fmt.Errorf("%.80q is not PATH -> TARGET", text)
		}
		return b.tree.link(strings.TrimSpace(name), strings.TrimSpace(target))
	})
}

func modesRecipe(b *builder, ls []line) error {
	return eachLine(ls, func(text string) error {
		mode, name, _ := strings.Cut(text, " ")
		bits, err := strconv.ParseUint(mode, 8, 9)
		if err != nil {
			return fmt.Errorf("%.80q is not MODE PATH with an octal mode such as 0600", text)
		}
		return b.tree.chmod(strings.TrimSpace(name), fs.FileMode(bits))
	})
}

// cutPath splits "PATH: REST". A path may hold colons, as PCI addresses do.
func cutPath(text string) (name, rest string, err error) {
	name, rest, ok := strings.Cut(text, ": ")
	if !ok {
		return "", "", fmt.Errorf("%.80q is not PATH: CONTENT", text)
	}
	return strings.TrimSpace(name), rest, nil
}

func appendRecipe(b *builder, ls []line) error {
	return eachLine(ls, func(text string) error {
		name, rest, err := cutPath(text)
		if err != nil {
			return err
		}
		return b.tree.appendLine(name, rest)
	})
}

func base64Recipe(b *builder, ls []line) error {
	return eachLine(ls, func(text string) error {
		name, rest, err := cutPath(text)
		if err != nil {
			return err
		}
		data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		if err != nil {
			return err
		}
		return b.tree.file(name, data)
	})
}

func hexRecipe(b *builder, ls []line) error {
	return eachLine(ls, func(text string) error {
		name, rest, err := cutPath(text)
		if err != nil {
			return err
		}
		data, err := hexBytes(rest)
		if err != nil {
			return err
		}
		return b.tree.file(name, data)
	})
}

// hexBytes reads words such as 0600 and 00x256.
func hexBytes(text string) ([]byte, error) {
	var out []byte
	for _, word := range strings.Fields(text) {
		digits, times, repeated := strings.Cut(word, "x")
		count := 1
		if repeated {
			var err error
			if count, err = strconv.Atoi(times); err != nil || count < 0 || count > maxRepeat {
				return nil, fmt.Errorf("%.80q is not BYTExCOUNT with a count of at most %d", word, maxRepeat)
			}
		}
		data, err := hex.DecodeString(digits)
		if err != nil {
			return nil, err
		}
		if len(out)+len(data)*count > maxTreeBytes {
			return nil, fmt.Errorf("%.80q is too long", word)
		}
		for range count {
			out = append(out, data...)
		}
	}
	return out, nil
}
