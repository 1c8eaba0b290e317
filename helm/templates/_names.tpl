{{/* Names and labels of the objects. */}}

{{- define "wagroups.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Short enough that the longest suffix of ours still leaves a name of 63. */}}
{{- define "wagroups.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "wagroups.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "wagroups.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "wagroups.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- printf "%s:%s" .Values.image.repository $tag }}
{{- with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* What finds the pods of a component; never changes, since a Deployment's selector cannot.
     Called with (list $ component). */}}
{{- define "wagroups.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "wagroups.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The metadata of an object. Called with a dict: root, name, component, and lists of maps, `labels` and
     `annotations`, of which later ones win. */}}
{{- define "wagroups.metadata" -}}
{{- $root := .root -}}
{{- $tag := default $root.Chart.AppVersion $root.Values.image.tag }}
{{- $ours := fromYaml (include "wagroups.selector" (list $root .component)) }}
{{- $_ := set $ours "app.kubernetes.io/version" ($tag | trunc 63 | trimAll "-_.") }}
{{- $_ := set $ours "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- $_ := set $ours "app.kubernetes.io/part-of" "wagroups" }}
{{- $_ := set $ours "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_.") -}}
name: {{ .name }}
namespace: {{ $root.Release.Namespace }}
{{- include "wagroups.labelsAndAnnotations" (dict "root" $root "ours" $ours "labels" .labels "annotations" .annotations) }}
{{- end }}

{{/* The same for the pods of a Deployment or Job: without what changes with the chart alone, so that a new chart does
     not restart the service if nothing of it has changed. */}}
{{- define "wagroups.podMetadata" -}}
{{- $ours := fromYaml (include "wagroups.selector" (list .root .component)) }}
{{- include "wagroups.labelsAndAnnotations" (dict "root" .root "ours" $ours "labels" .labels "annotations" .annotations) | trim }}
{{- end }}

{{- define "wagroups.labelsAndAnnotations" -}}
{{- $labels := deepCopy (default dict .root.Values.commonLabels) }}
{{- range .labels }}
{{- $labels = mergeOverwrite $labels (deepCopy (default dict .)) }}
{{- end }}
{{- $annotations := deepCopy (default dict .root.Values.commonAnnotations) }}
{{- range .annotations }}
{{- $annotations = mergeOverwrite $annotations (deepCopy (default dict .)) }}
{{- end }}
{{- /* Our labels win: selectors rely on them. */}}
labels:
  {{- toYaml (mergeOverwrite $labels .ours) | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
