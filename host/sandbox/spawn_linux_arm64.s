// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// Offsets in type run (spawn_raw_linux.go) and type op (machine_linux.go).
#define run_flags   0
#define run_ops     8
#define run_memory  16
#define run_block   24
#define run_restore 32
#define run_pid     40
#define run_failed  48
#define run_errno   56
#define run_pidfd   64
#define run_cut     72
#define op_call     0
#define op_result   4
#define op_args     8
#define op_skip     32
#define op_note     36
#define op_size     40

#define SYS_rt_sigprocmask 135
#define SYS_clone          220
#define SYS_exit_group     94
#define SIG_SETMASK        2

// func spawn(r *run)
//
// As on amd64: the child shares the memory of the parent, which sleeps until the
// child executes the program or ends. It must not touch the parent's stack, so
// below it pushes nothing, calls nothing and never returns. All signals are
// blocked around the clone.
TEXT ·spawn(SB),NOSPLIT,$0-8
	BL	runtime·entersyscall(SB)
	MOVD	r+0(FP), R19
	MOVD	$SIG_SETMASK, R0
	ADD	$run_block, R19, R1
	ADD	$run_restore, R19, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC
	MOVD	run_flags(R19), R0
	MOVD	ZR, R1
	ADD	$run_pidfd, R19, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$SYS_clone, R8
	SVC
	CBZ	R0, child
	MOVD	R0, run_pid(R19)
	MOVD	$SIG_SETMASK, R0
	ADD	$run_restore, R19, R1
	MOVD	ZR, R2
	MOVD	$8, R3
	MOVD	$SYS_rt_sigprocmask, R8
	SVC
	BL	runtime·exitsyscall(SB)
	RET
child:
	MOVD	run_ops(R19), R20
	MOVD	run_memory(R19), R21
	MOVD	ZR, R22
	DMB	$0xb // interrupt writes cut and reads the pidfd; this is the other way round
	MOVD	run_cut(R19), R0
	CBNZ	R0, stop
next:
	MOVWU	(op_args+0)(R20), R9
	MOVD	(R21)(R9), R0
	MOVWU	(op_args+4)(R20), R9
	MOVD	(R21)(R9), R1
	MOVWU	(op_args+8)(R20), R9
	MOVD	(R21)(R9), R2
	MOVWU	(op_args+12)(R20), R9
	MOVD	(R21)(R9), R3
	MOVWU	(op_args+16)(R20), R9
	MOVD	(R21)(R9), R4
	MOVWU	(op_args+20)(R20), R9
	MOVD	(R21)(R9), R5
	MOVW	op_call(R20), R8
	CMN	$1, R8
	BEQ	equal
	SVC
	CMN	$4095, R0
	BCS	error
	MOVWU	op_result(R20), R9
	MOVW	R0, (R21)(R9)
advance:
	ADD	$op_size, R20
	ADD	$1, R22
	B	next
equal:
	CMP	R1, R0
	BEQ	advance
	NEG	R2, R0
error:
	NEG	R0, R0
	MOVWU	op_note(R20), R9
	MOVW	R0, (R21)(R9)
	MOVW	op_skip(R20), R9
	CMN	$1, R9
	BEQ	stop
	ADD	R9, R22
	MOVD	$op_size, R10
	MUL	R10, R9
	ADD	R9, R20
	B	advance
stop:
	MOVD	R0, run_errno(R19)
	MOVD	R22, run_failed(R19)
	MOVD	$126, R0
	MOVD	$SYS_exit_group, R8
	SVC
	UNDEF
