// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// server runs real SDK kernels behind one of the ways in which batches travel.
type server func(t testing.TB, o dataplane.Options, kernels ...kernel.Kernel) dataplane.Kernel

// serve carries batches in gRPC messages.
func serve(t testing.TB, o dataplane.Options, kernels ...kernel.Kernel) dataplane.Kernel {
	t.Helper()
	return dataplane.New(connect(t, plugin.NewServer(plugin.Info{Name: "test"}, kernel.Serve(kernels...))), o)
}

// share carries batches in shared memory.
func share(t testing.TB, o dataplane.Options, kernels ...kernel.Kernel) dataplane.Kernel {
	t.Helper()
	service := kernel.Serve(kernels...)
	o.Side = side(t, service)
	return dataplane.New(connect(t, plugin.NewServer(plugin.Info{Name: "test"}, service)), o)
}

// side makes a data socket between this process and itself.
func side(t testing.TB, service *kernel.Service) *dataplane.Side {
	t.Helper()
	side, err := dataplane.NewSide(dataplane.SideOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(side.Close)
	if err := service.Share(side.Child()); err != nil {
		t.Fatal(err)
	}
	return side
}

// contract is what holds however batches travel.
var contract = map[string]func(*testing.T, server){
	"TextsMayBeKept":                   contractTextsMayBeKept,
	"UntouchedColumns":                 contractUntouchedColumns,
	"KernelsThatKeep":                  contractKernelsThatKeep,
	"ManySizes":                        contractManySizes,
	"Stream":                           contractStream,
	"Origins":                          contractOrigins,
	"RejectedRows":                     contractRejectedRows,
	"Fused":                            contractFused,
	"FusedPlain":                       contractFusedPlain,
	"FusedFailures":                    contractFusedFailures,
	"RowsThatDoNotAddUp":               contractRowsThatDoNotAddUp,
	"DeclaredSchema":                   contractDeclaredSchema,
	"UndoAndEstimate":                  contractUndoAndEstimate,
	"Files":                            contractFiles,
	"FitAndTransform":                  contractFitAndTransform,
	"BothWaysAtOnce":                   contractBothWaysAtOnce,
	"UserErrorsAreDiagnostics":         contractUserErrorsAreDiagnostics,
	"InputErrorsPassThrough":           contractInputErrorsPassThrough,
	"OutErrorsPassThrough":             contractOutErrorsPassThrough,
	"CancelAndBackPressure":            contractCancelAndBackPressure,
	"NoGoroutineIsLeftBehind":          contractNoGoroutineIsLeftBehind,
	"OversizeRowIsAnInputError":        contractOversizeRowIsAnInputError,
	"LargeBatchesAreCut":               contractLargeBatchesAreCut,
	"SchemaThatCannotTravel":           contractSchemaThatCannotTravel,
	"CallsAtTheSameTime":               contractCallsAtTheSameTime,
	"LargeStateTravelsBothWays":        contractLargeStateTravelsBothWays,
	"DeadlineIsTheCallers":             contractDeadlineIsTheCallers,
	"EveryCallIsRecorded":              contractEveryCallIsRecorded,
	"DigestsDoNotDependOnBatches":      contractDigestsDoNotDependOnBatches,
	"SettingsAreHashedAsSent":          contractSettingsAreHashedAsSent,
	"AnEmptyTableHasADigest":           contractAnEmptyTableHasADigest,
	"DeadCallsAreRecorded":             contractDeadCallsAreRecorded,
	"SharedTablesAreHashedOnce":        contractSharedTablesAreHashedOnce,
	"DeadCallsOnSharedTables":          contractDeadCallsOnSharedTables,
	"Outcomes":                         contractOutcomes,
	"WithoutARecordNothingIsHashed":    contractWithoutARecordNothingIsHashed,
	"RecordingLeavesNoGoroutineBehind": contractRecordingLeavesNoGoroutineBehind,
}

func TestContract(t *testing.T) {
	for name, test := range contract {
		t.Run(name+"/messages", func(t *testing.T) { test(t, serve) })
		if arena.Supported {
			t.Run(name+"/memory", func(t *testing.T) { test(t, share) })
		}
	}
}
