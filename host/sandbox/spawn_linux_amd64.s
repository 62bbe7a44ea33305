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

#define SYS_rt_sigprocmask 14
#define SYS_clone          56
#define SYS_exit_group     231
#define SIG_SETMASK        2

// func spawn(r *run)
//
// The child shares the memory of the parent, which sleeps until the child
// executes the program or ends. It must not touch the parent's stack, so below
// it pushes nothing, calls nothing and never returns. All signals are blocked
// around the clone: a handler in the child would run Go code.
TEXT ·spawn(SB),NOSPLIT,$0-8
	CALL	runtime·entersyscall(SB)
	MOVQ	r+0(FP), BX
	MOVQ	$SIG_SETMASK, DI
	LEAQ	run_block(BX), SI
	LEAQ	run_restore(BX), DX
	MOVQ	$8, R10
	MOVQ	$SYS_rt_sigprocmask, AX
	SYSCALL
	MOVQ	run_flags(BX), DI
	XORQ	SI, SI
	LEAQ	run_pidfd(BX), DX
	XORQ	R10, R10
	XORQ	R8, R8
	MOVQ	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	MOVQ	AX, run_pid(BX)
	MOVQ	$SIG_SETMASK, DI
	LEAQ	run_restore(BX), SI
	XORQ	DX, DX
	MOVQ	$8, R10
	MOVQ	$SYS_rt_sigprocmask, AX
	SYSCALL
	CALL	runtime·exitsyscall(SB)
	RET
child:
	MOVQ	run_ops(BX), R12
	MOVQ	run_memory(BX), R13
	XORQ	R15, R15
	MOVQ	run_cut(BX), AX
	TESTQ	AX, AX
	JNE	stop
next:
	MOVL	(op_args+0)(R12), AX
	MOVQ	(R13)(AX*1), DI
	MOVL	(op_args+4)(R12), AX
	MOVQ	(R13)(AX*1), SI
	MOVL	(op_args+8)(R12), AX
	MOVQ	(R13)(AX*1), DX
	MOVL	(op_args+12)(R12), AX
	MOVQ	(R13)(AX*1), R10
	MOVL	(op_args+16)(R12), AX
	MOVQ	(R13)(AX*1), R8
	MOVL	(op_args+20)(R12), AX
	MOVQ	(R13)(AX*1), R9
	MOVL	op_call(R12), AX
	CMPL	AX, $0xffffffff
	JEQ	equal
	SYSCALL
	CMPQ	AX, $0xfffffffffffff001
	JCC	error
	MOVL	op_result(R12), CX
	MOVL	AX, (R13)(CX*1)
advance:
	ADDQ	$op_size, R12
	INCQ	R15
	JMP	next
equal:
	CMPQ	DI, SI
	JEQ	advance
	MOVQ	DX, AX
	NEGQ	AX
error:
	NEGQ	AX
	MOVL	op_note(R12), CX
	MOVL	AX, (R13)(CX*1)
	MOVL	op_skip(R12), CX
	CMPL	CX, $0xffffffff
	JEQ	stop
	ADDQ	CX, R15
	IMULQ	$op_size, CX
	ADDQ	CX, R12
	JMP	advance
stop:
	MOVQ	AX, run_errno(BX)
	MOVQ	R15, run_failed(BX)
	MOVQ	$126, DI
	MOVQ	$SYS_exit_group, AX
	SYSCALL
	INT	$3
