{{/* What all pods of the chart have in common: the service's, the migration's and the test's. */}}

{{/* Whether there is more than one pod of the service. */}}
{{- define "wagroups.isSeveral" -}}
{{- with .Values }}
{{- if and .cluster.enabled (gt (.autoscaling.enabled | ternary .autoscaling.minReplicas .replicaCount | int) 1) }}true{{ end }}
{{- end }}
{{- end }}

{{/* Where pods go if nobody says it: apart from each other, and those of an upgrade apart from each other too, whatever
     the old ones do. */}}
{{- define "wagroups.spread" -}}
{{- if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints }}
{{- else if include "wagroups.isSeveral" . }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- else }}[]
{{- end }}
{{- end }}

{{- define "wagroups.podBasics" -}}
automountServiceAccountToken: false
# Kubernetes tells pods of Services by variables. The program ignores them; without them there is less to look at.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- include "wagroups.withoutNulls" . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "wagroups.containerBasics" -}}
image: {{ include "wagroups.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- include "wagroups.withoutNulls" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A null in values means "leave it to the platform". Kubernetes would take it for the same, some of its tools
     would not. */}}
{{- define "wagroups.withoutNulls" -}}
{{- $kept := dict }}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
{{- $_ := set $kept $name $value }}
{{- end }}
{{- end }}
{{- toYaml $kept }}
{{- end }}
