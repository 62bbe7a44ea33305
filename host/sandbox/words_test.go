// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/json"
	"errors"
	"io/fs"
	"testing"
)

// Every error says what failed, where, why, and what to do where there is
// something to do.
func TestErrorsInWords(t *testing.T) {
	step := &StepError{Level: Namespaced, Step: "clone", Err: fs.ErrPermission}
	for want, err := range map[string]error{
		"level namespaced: step clone: permission denied": step,
		"level weak: step mount /dev/null: file does not exist": &StepError{
			Level: Weak, Step: "mount", Path: "/dev/null", Err: fs.ErrNotExist},
		"sandbox: cannot grant /data: file does not exist; check the path, or mark the grant optional": &BindError{
			Bind: Bind{Source: "/data"}, Err: fs.ErrNotExist},
		"sandbox level namespaced was required and cannot be reached: level namespaced: step clone: permission denied; " +
			"to run with less protection set `sandbox { require = \"walls-only\" }` or pass `--sandbox walls-only`": &RefusedError{
			Floor: Namespaced, Attempts: []error{step}},
		// One reason is told once.
		"sandbox level full was required and cannot be reached: level full and full+quota: step clone: permission denied; " +
			"to run with less protection set `sandbox { require = \"namespaced\" }` or pass `--sandbox namespaced`": &RefusedError{
			Floor: Full, Attempts: []error{&StepError{Level: FullQuota, Step: "clone", Err: fs.ErrPermission}, &StepError{Level: Full, Step: "clone", Err: fs.ErrPermission}}},
		"sandbox level walls-only was required and cannot be reached: level walls-only: step exec-grant /bin/sh: permission denied; " +
			"remove the exec grant, since no weaker level can give it": &RefusedError{
			Floor: WallsOnly, Attempts: []error{&StepError{Level: WallsOnly, Step: "exec-grant", Path: "/bin/sh", Err: fs.ErrPermission}}},
		// Nothing weaker than nothing can be offered.
		"sandbox level none was required and cannot be reached: level namespaced: step clone: permission denied; level none: step exec: permission denied": &RefusedError{
			Floor: None, Attempts: []error{step, &StepError{Level: None, Step: "exec", Err: fs.ErrPermission}}},
	} {
		if err.Error() != want {
			t.Errorf("\n got %s\nwant %s", err, want)
		}
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the cause of %q is not reachable", err)
		}
	}
}

func TestLevelText(t *testing.T) {
	for text, want := range map[string]Level{`"none"`: None, `"weak"`: Weak, `"namespaced"`: Namespaced, `"default"`: 0} {
		var got Level
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
		if back, err := json.Marshal(want); err != nil || string(back) != text {
			t.Errorf("%v is %s, %v", want, back, err)
		}
	}
	var level Level
	err := json.Unmarshal([]byte(`"fuller"`), &level)
	if want := `unknown sandbox level "fuller": use one of container, full+quota, full, namespaced, walls-only, seatbelt, weak, partial, none`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReportFindsWalls(t *testing.T) {
	r := Report{Walls: []Wall{{Name: "seccomp"}, {Name: "rlimits", On: true, Detail: "x"}}}
	if w, ok := r.Wall("rlimits"); !ok || !w.On || w.Detail != "x" {
		t.Errorf("%+v, %v", w, ok)
	}
	if w, ok := r.Wall("moat"); ok || w.On {
		t.Errorf("%+v, %v", w, ok)
	}
}

func TestWhereDevicesAppear(t *testing.T) {
	for _, tt := range []struct{ source, target, want string }{
		{"/dev/nvidia0", "", "/dev/nvidia0"}, {"/dev/nvidia0", "/dev/gpu", "/dev/gpu"}, {"/opt/node", "", ""},
		{"/dev/null", "", ""}, {"/dev/nvidia0", "/dev/../etc", ""}, {"/dev/nvidia0", "/target/x", ""}, {"nvidia0", "/dev/x", ""},
		{"/dev/x/null", "", "/dev/x/null"},
	} {
		got, err := Bind{Source: tt.source, Target: tt.target, Access: Device}.target()
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s at %q: %q, %v", tt.source, tt.target, got, err)
		}
	}
}
