// SPDX-License-Identifier: Apache-2.0
//
// A library of NVIDIA's management interface with one GPU, as old as driver 450: it
// has the functions that are called without looking, and none that are looked up.
// The shapes are those of nvml.h, version 11.
#include <string.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3 };

#define SUPPORTED(name, parameters, what) int name parameters { what; return SUCCESS; }
#define UNSUPPORTED(name) int name(void) { return NOT_SUPPORTED; }

struct pci {
	char legacy[16];
	unsigned domain, bus, device, id, subsystem;
	char name[32];
};

struct memory {
	unsigned long long total, free, used;
};

static int gpu;

static int say(char *to, unsigned length, const char *text) {
	if (strlen(text) >= length) return INVALID_ARGUMENT;
	strcpy(to, text);
	return SUCCESS;
}

SUPPORTED(nvmlInit_v2, (void), )
SUPPORTED(nvmlShutdown, (void), )
SUPPORTED(nvmlSystemGetCudaDriverVersion, (int *version), *version = 11040)
SUPPORTED(nvmlDeviceGetCount_v2, (unsigned *count), *count = 1)
SUPPORTED(nvmlDeviceGetCudaComputeCapability, (void *d, int *major, int *minor), *major = 8; *minor = 0)
SUPPORTED(nvmlDeviceGetPersistenceMode, (void *d, int *mode), *mode = 1)
SUPPORTED(nvmlDeviceGetComputeMode, (void *d, int *mode), *mode = 0)
SUPPORTED(nvmlDeviceGetMemoryInfo, (void *d, struct memory *m), m->total = 40ull << 30; m->used = 1ull << 30; m->free = m->total - m->used)
SUPPORTED(nvmlDeviceGetTemperature, (void *d, int sensor, unsigned *celsius), *celsius = 41)

const char *nvmlErrorString(int code) { return "an error of a library made for a test"; }
int nvmlSystemGetDriverVersion(char *to, unsigned length) { return say(to, length, "450.80.02"); }
int nvmlDeviceGetName(void *d, char *to, unsigned length) { return say(to, length, "A GPU made for a test"); }
int nvmlDeviceGetUUID(void *d, char *to, unsigned length) { return say(to, length, "GPU-11111111-2222-3333-4444-555555555555"); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
	*device = &gpu;
	return index == 0 ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetPciInfo_v3(void *d, struct pci *p) {
	memset(p, 0, sizeof *p);
	p->bus = 0x3b;
	return SUCCESS;
}

UNSUPPORTED(nvmlDeviceGetEccMode)
UNSUPPORTED(nvmlDeviceGetRetiredPagesPendingStatus)
UNSUPPORTED(nvmlDeviceGetClockInfo)
UNSUPPORTED(nvmlDeviceGetMaxClockInfo)
UNSUPPORTED(nvmlDeviceGetTemperatureThreshold)
UNSUPPORTED(nvmlDeviceGetPowerUsage)
UNSUPPORTED(nvmlDeviceGetEnforcedPowerLimit)
UNSUPPORTED(nvmlDeviceGetPowerManagementDefaultLimit)
UNSUPPORTED(nvmlDeviceGetComputeRunningProcesses)
UNSUPPORTED(nvmlDeviceGetComputeRunningProcesses_v2)
UNSUPPORTED(nvmlDeviceGetNvLinkState)
