{{/* What all pods of the chart have in common: the service's, the migration's and the test's. */}}

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
