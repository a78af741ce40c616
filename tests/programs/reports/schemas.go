// Package reports keeps the modules that carry the schemas of our reports in go.mod; nothing here runs.
package reports

import (
	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	_ "github.com/yannh/kubeconform/pkg/output"
)
