package bench

import (
	"maps"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
)

var groupVersion = schema.GroupVersion{Group: "bench.inspur.com", Version: "v1"}

// BenchSpec is the desired state of a Bench.
type BenchSpec struct {
	Message  string            `json:"message"`
	Settings map[string]string `json:"settings,omitempty"`
}

// BenchStatus is the observed state of a Bench.
type BenchStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// Bench is what every contender reconciles.
type Bench struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BenchSpec   `json:"spec"`
	Status BenchStatus `json:"status,omitempty"`
}

// BenchList is a list of Benches.
type BenchList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Bench `json:"items"`
}

// data is what the ConfigMap of a Bench holds.
func (in *Bench) data() map[string]string {
	data := maps.Clone(in.Spec.Settings)
	if data == nil {
		data = map[string]string{}
	}
	data["message"] = in.Spec.Message
	return data
}

// setReady notes that the ConfigMap is as the spec asks, and returns whether that changed the status.
func (in *Bench) setReady() bool {
	changed := meta.SetStatusCondition(&in.Status.Conditions, metav1.Condition{
		Type:               "Ready",
		Status:             metav1.ConditionTrue,
		Reason:             "Applied",
		Message:            "the ConfigMap is as the spec asks",
		ObservedGeneration: in.Generation,
	})
	changed = changed || in.Status.ObservedGeneration != in.Generation
	in.Status.ObservedGeneration = in.Generation
	return changed
}

func (in *Bench) deepCopyInto(out *Bench) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if in.Spec.Settings != nil {
		out.Spec.Settings = make(map[string]string, len(in.Spec.Settings))
		for key, value := range in.Spec.Settings {
			out.Spec.Settings[key] = value
		}
	}
	if in.Status.Conditions != nil {
		out.Status.Conditions = make([]metav1.Condition, len(in.Status.Conditions))
		for i := range in.Status.Conditions {
			in.Status.Conditions[i].DeepCopyInto(&out.Status.Conditions[i])
		}
	}
}

// DeepCopyObject implements runtime.Object.
func (in *Bench) DeepCopyObject() runtime.Object {
	out := new(Bench)
	in.deepCopyInto(out)
	return out
}

// DeepCopyObject implements runtime.Object.
func (in *BenchList) DeepCopyObject() runtime.Object {
	out := &BenchList{TypeMeta: in.TypeMeta, Items: make([]Bench, len(in.Items))}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		in.Items[i].deepCopyInto(&out.Items[i])
	}
	return out
}

// benchStatusApply is what a generated apply configuration of Bench would be, cut down to the status.
type benchStatusApply struct {
	metav1ac.TypeMetaApplyConfiguration    `json:",inline"`
	*metav1ac.ObjectMetaApplyConfiguration `json:"metadata,omitempty"`

	Status *BenchStatus `json:"status,omitempty"`
}

// IsApplyConfiguration implements runtime.ApplyConfiguration.
func (benchStatusApply) IsApplyConfiguration() {}

// GetKind, GetAPIVersion, GetName and GetNamespace are what the client asks an apply configuration for.
func (b *benchStatusApply) GetKind() *string       { return b.TypeMetaApplyConfiguration.Kind }
func (b *benchStatusApply) GetAPIVersion() *string { return b.TypeMetaApplyConfiguration.APIVersion }
func (b *benchStatusApply) GetName() *string       { return b.ObjectMetaApplyConfiguration.Name }
func (b *benchStatusApply) GetNamespace() *string  { return b.ObjectMetaApplyConfiguration.Namespace }

func newBenchStatusApply(bench *Bench) *benchStatusApply {
	meta := (&metav1ac.ObjectMetaApplyConfiguration{}).
		WithName(bench.Name).
		WithNamespace(bench.Namespace).
		WithUID(bench.UID).
		WithResourceVersion(bench.ResourceVersion)
	apply := &benchStatusApply{ObjectMetaApplyConfiguration: meta, Status: &bench.Status}
	apply.TypeMetaApplyConfiguration.WithAPIVersion(groupVersion.String()).WithKind("Bench")
	return apply
}
