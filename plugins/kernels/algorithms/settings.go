// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/neighbours"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// wish is what settings ask for: a task, folds, and the models to score.
type wish struct {
	task   task.Kind
	folds  int
	lineUp func(task.Kind) []estimator.Spec
	why    string        // the reason for a task that the model itself settles
	limit  time.Duration // of the race when the host sets no budget; 0 for none
	path   []string      // the setting to blame for a wrong task; empty when there is none
}

type autoSettings struct {
	Task       string  `json:"task" default:"auto" one_of:"auto|classification|regression" doc:"What to learn; auto decides from the target and says why."`
	Folds      int     `json:"folds" default:"5" min:"2" max:"255" doc:"Number of cross-validation folds, not shuffled."`
	MaxSeconds float64 `json:"max_seconds" default:"60" min:"0" max:"1000000" doc:"Time for the race when the kernel block sets no budget; 0 is no limit."`
}

func (s *autoSettings) wish() wish {
	return wish{task: task.Kind(s.Task), folds: s.Folds, lineUp: estimator.LineUp, path: []string{"task"},
		limit: time.Duration(s.MaxSeconds * float64(time.Second))}
}

type logisticSettings struct {
	C           float64 `json:"c" default:"1" doc:"Inverse strength of the L2 penalty, above 0."`
	MaxIter     int     `json:"max_iter" default:"200" min:"1" max:"100000" doc:"Most Newton steps."`
	ScaleInFold bool    `json:"scale_in_fold" default:"true" doc:"Standardise columns inside each fold."`
	Folds       int     `json:"folds" default:"5" min:"2" max:"255" doc:"Number of cross-validation folds, not shuffled."`
}

func (s *logisticSettings) wish() wish {
	spec := estimator.Spec{Name: "logistic", Kind: estimator.Logistic, C: s.C, MaxIter: s.MaxIter, ScaleInFold: s.ScaleInFold}
	return wish{task: task.Classification, folds: s.Folds, lineUp: one(spec), why: "logistic regression learns classes"}
}

func (s *logisticSettings) check() error {
	if !(s.C > 0) {
		return diag.Errorf("Unusable penalty", "c is %v, but must be above 0.", s.C).At("c")
	}
	return nil
}

type ridgeSettings struct {
	Alpha       float64 `json:"alpha" default:"1" min:"0" doc:"Strength of the L2 penalty; 0 is ordinary least squares."`
	ScaleInFold bool    `json:"scale_in_fold" default:"false" doc:"Standardise columns inside each fold."`
	Folds       int     `json:"folds" default:"5" min:"2" max:"255" doc:"Number of cross-validation folds, not shuffled."`
}

func (s *ridgeSettings) wish() wish {
	spec := estimator.Spec{Name: "ridge", Kind: estimator.Ridge, Alpha: s.Alpha, ScaleInFold: s.ScaleInFold}
	return wish{task: task.Regression, folds: s.Folds, lineUp: one(spec), why: "ridge regression learns numbers"}
}

type knnSettings struct {
	K           int    `json:"k" default:"5" min:"1" doc:"Number of neighbours."`
	Weights     string `json:"weights" default:"uniform" one_of:"uniform|distance" doc:"How neighbours are weighed."`
	ScaleInFold bool   `json:"scale_in_fold" default:"true" doc:"Standardise columns inside each fold."`
	Task        string `json:"task" default:"auto" one_of:"auto|classification|regression" doc:"What to learn; auto decides from the target and says why."`
	Folds       int    `json:"folds" default:"5" min:"2" max:"255" doc:"Number of cross-validation folds, not shuffled."`
}

func (s *knnSettings) wish() wish {
	spec := estimator.Spec{Name: "knn", Kind: estimator.KNN, K: s.K, Weights: neighbours.Weights(s.Weights), ScaleInFold: s.ScaleInFold}
	return wish{task: task.Kind(s.Task), folds: s.Folds, lineUp: one(spec), path: []string{"task"}}
}

type dummySettings struct {
	Task  string `json:"task" default:"auto" one_of:"auto|classification|regression" doc:"What to learn; auto decides from the target and says why."`
	Folds int    `json:"folds" default:"5" min:"2" max:"255" doc:"Number of cross-validation folds, not shuffled."`
}

func (s *dummySettings) wish() wish {
	spec := estimator.Spec{Name: "dummy", Kind: estimator.Dummy}
	return wish{task: task.Kind(s.Task), folds: s.Folds, lineUp: one(spec), path: []string{"task"}}
}

func one(s estimator.Spec) func(task.Kind) []estimator.Spec {
	return func(task.Kind) []estimator.Spec { return []estimator.Spec{s} }
}

// kernels lists what the plugin serves.
func kernels() []kernel.Kernel {
	return []kernel.Kernel{
		define("auto", "Race models on the same folds and keep the best.", autoSettings{}, func() settings { return &autoSettings{} }),
		define("logistic", "Logistic regression, binary or multinomial, with an L2 penalty.", logisticSettings{}, func() settings { return &logisticSettings{} }),
		define("ridge", "Linear regression with an L2 penalty.", ridgeSettings{}, func() settings { return &ridgeSettings{} }),
		define("knn", "k nearest neighbours for classes or numbers.", knnSettings{}, func() settings { return &knnSettings{} }),
		linearKernel(),
		define("dummy", "The baseline: class frequencies or the mean.", dummySettings{}, func() settings { return &dummySettings{} }),
	}
}

type settings interface{ wish() wish }

func define(name, summary string, zero any, fresh func() settings) kernel.Kernel {
	return kernel.Kernel{
		Name: name, Summary: summary, Compartment: kernel.Algorithms, Config: zero, Fits: true, Transforms: true,
		RowWise: true, StateVersion: estimator.StateVersion, MinStateVersion: estimator.MinStateVersion,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			given := fresh()
			if err := s.Config(given); err != nil {
				return nil, err
			}
			if c, ok := given.(interface{ check() error }); ok {
				if err := c.check(); err != nil {
					return nil, err
				}
			}
			return &learner{name: name, setup: s, wish: given.wish()}, nil
		},
	}
}
