// SPDX-License-Identifier: Apache-2.0

package prepare

import (
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/impute"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/scale"
)

// What to do when the quality score is below the threshold.
const (
	OnLowError = "error"
	OnLowWarn  = "warn"
)

// Options are the settings of the kernel. The tags describe them to the host.
type Options struct {
	Impute        string  `json:"impute" default:"auto" one_of:"auto|mean|median|most_frequent|constant|none" doc:"How missing cells are filled; auto is the median for numbers, the most frequent value for text and booleans."`
	FillNumber    float64 `json:"fill_number" default:"0" doc:"Value for numeric cells when impute is constant, and for numeric columns without any value."`
	FillText      string  `json:"fill_text" default:"missing" doc:"Value for text cells when impute is constant, and for text columns without any value."`
	Scale         string  `json:"scale" default:"standard" one_of:"standard|minmax|robust|none" doc:"How numeric columns are scaled."`
	OneHot        bool    `json:"one_hot" default:"true" doc:"Turn text columns into indicator columns; otherwise they stay text."`
	Unknown       string  `json:"unknown" default:"ignore" one_of:"ignore|error" doc:"What to do with text values not seen at fit: set no indicator and count them, or stop."`
	MinFrequency  int     `json:"min_frequency" default:"1" min:"1" doc:"Rows that a text value needs for an indicator of its own; rarer ones share one."`
	NullCategory  bool    `json:"null_category" default:"false" doc:"Make missing text a category of its own instead of filling it."`
	MaxCategories int     `json:"max_categories" default:"50" min:"1" doc:"A text column with more distinct values is dropped, with the reason, unless one_hot is off."`
	DropConstant  bool    `json:"drop_constant" default:"false" doc:"Drop columns with a single value."`
	DropEmpty     bool    `json:"drop_empty" default:"false" doc:"Drop columns without any value instead of filling them."`

	QualityThreshold float64            `json:"quality_threshold" default:"0.7" min:"0" max:"1" doc:"Least quality score of the input, 0 to 1."`
	OnLowQuality     string             `json:"on_low_quality" default:"error" one_of:"error|warn" doc:"Stop or warn when the quality score is below the threshold."`
	QualityWeights   map[string]float64 `json:"quality_weights" default:"{}" doc:"Weights of sub-scores, by name; those not named keep their defaults."`
}

func (o Options) strategy() impute.Strategy { return impute.Strategy(o.Impute) }
func (o Options) scaling() scale.Kind       { return scale.Kind(o.Scale) }
