{{/* What the program is told: a file with `settings`, and variables for what the chart itself decides. */}}

{{/* The settings as TOML. A text in JSON is one in TOML too; numbers come from Helm as floats, and no setting
     is one. */}}
{{- define "wagroups.toml" -}}
{{- $sections := list }}
{{- range $section, $settings := .Values.settings }}
{{- $lines := list (printf "[%s]" $section) }}
{{- range $name, $value := $settings }}
{{- if kindIs "string" $value }}
{{- $lines = append $lines (printf "%s = %s" $name (toJson $value)) }}
{{- else if kindIs "bool" $value }}
{{- $lines = append $lines (printf "%s = %t" $name $value) }}
{{- else if not (kindIs "invalid" $value) }}
{{- $lines = append $lines (printf "%s = %d" $name (int64 $value)) }}
{{- end }}
{{- end }}
{{- if gt (len $lines) 1 }}
{{- $sections = append $sections (join "\n" $lines) }}
{{- end }}
{{- end }}
{{- join "\n\n" $sections }}
{{- end }}

{{/* The keys as the environment has them. */}}
{{- define "wagroups.apiKeys" -}}
{{- $entries := list }}
{{- range .Values.auth.keys }}
{{- $entries = append $entries (printf "%s:%s:%s" .name (lower .sha256) (join "|" .sessions)) }}
{{- end }}
{{- join "," $entries }}
{{- end }}

{{/* Whether the chart has a Secret to make. */}}
{{- define "wagroups.makesSecret" -}}
{{- if or .Values.auth.keys .Values.database.url }}true{{ end }}
{{- end }}

{{/* That Secret's data. */}}
{{- define "wagroups.secretData" -}}
{{- if .Values.database.url }}
database-url: {{ .Values.database.url | b64enc }}
{{- end }}
{{- if .Values.auth.keys }}
api-keys: {{ include "wagroups.apiKeys" . | b64enc }}
{{- end }}
{{- end }}

{{/* The variables of the service and of the migration, which so refuses what the service would refuse.
     Called with (list $ secret), the secret being the one that the chart made for this pod. */}}
{{- define "wagroups.env" -}}
{{- $root := index . 0 }}
{{- $made := index . 1 }}
{{- with $root.Values }}
- name: WAGROUPS_CONFIG
  value: /etc/wagroups/wagroups.toml
{{- range include "wagroups.listeners" $root | fromJsonArray }}
- name: WAGROUPS_{{ upper .name }}__LISTEN
  value: {{ printf "%s:%d" $root.Values.listenAddress (int .port) | quote }}
{{- end }}
{{- if not .ops.enabled }}
- name: WAGROUPS_OPS__LISTEN
  value: "off"
{{- end }}
- name: WAGROUPS_DATABASE__URL
{{- if eq .database.type "sqlite" }}
  value: sqlite://{{ .persistence.mountPath }}/wagroups.db?mode=rwc
{{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ default $made .database.existingSecret }}
      key: {{ if .database.existingSecret }}{{ .database.secretKey }}{{ else }}database-url{{ end }}
{{- end }}
- name: WAGROUPS_AUTH__KEYS
  valueFrom:
    secretKeyRef:
      name: {{ default $made .auth.existingSecret }}
      key: {{ if .auth.existingSecret }}{{ .auth.secretKey }}{{ else }}api-keys{{ end }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
