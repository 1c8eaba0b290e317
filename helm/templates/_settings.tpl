{{/* What the program is told: a file with `settings`, and variables for what the chart itself decides. */}}

{{/* The settings as TOML. A text in JSON, or a list of texts, is one in TOML too; numbers come from Helm as floats, and no setting
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
{{- else if kindIs "slice" $value }}
{{- $lines = append $lines (printf "%s = %s" $name (toJson $value)) }}
{{- else if not (kindIs "invalid" $value) }}
{{- $lines = append $lines (printf "%s = %d" $name (int64 $value)) }}
{{- end }}
{{- end }}
{{- if and (eq $section "waha") $.Values.waha.servers }}
{{- $lines = append $lines (printf "servers = [\n%s\n]" (include "wagroups.wahaServers" $)) }}
{{- end }}
{{- if gt (len $lines) 1 }}
{{- $sections = append $sections (join "\n" $lines) }}
{{- end }}
{{- end }}
{{- join "\n\n" $sections }}
{{- end }}

{{/* The WAHA servers, one a line. Their keys are files: the list itself is no secret. */}}
{{- define "wagroups.wahaServers" -}}
{{- $lines := list }}
{{- range .Values.waha.servers }}
{{- $fields := list (printf "name = %s" (toJson .name)) (printf "url = %s" (toJson .url)) }}
{{- with .secretKey }}
{{- $fields = append $fields (printf "api_key_file = %s" (printf "/etc/wagroups-waha/%s" . | toJson)) }}
{{- end }}
{{- with .capacity }}
{{- $fields = append $fields (printf "capacity = %d" (int64 .)) }}
{{- end }}
{{- $lines = append $lines (printf "  { %s }," (join ", " $fields)) }}
{{- end }}
{{- join "\n" $lines }}
{{- end }}

{{/* The keys of the WAHA servers that have one, each once, as JSON. */}}
{{- define "wagroups.wahaKeys" -}}
{{- $keys := list }}
{{- range .Values.waha.servers }}
{{- with .secretKey }}
{{- $keys = append $keys . }}
{{- end }}
{{- end }}
{{- $keys | uniq | toJson }}
{{- end }}

{{/* Where the files come from, and where they go. Called with (list $ configmap). Each key is named, so that one that is
     missing holds up the migration, and not the new pod once the old one is gone. */}}
{{- define "wagroups.settingsVolumes" -}}
{{- $root := index . 0 -}}
- name: config
  configMap:
    name: {{ index . 1 }}
{{- with include "wagroups.wahaKeys" $root | fromJsonArray }}
- name: waha-keys
  secret:
    secretName: {{ $root.Values.waha.existingSecret }}
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
{{- end }}
{{- with include "wagroups.natsFiles" $root | fromJson }}
- name: nats
  secret:
    secretName: {{ $root.Values.nats.existingSecret }}
    items:
      {{- range $file, $key := . }}
      - key: {{ $key }}
        path: {{ $file }}
      {{- end }}
{{- end }}
{{- with $root.Values.tls }}
{{- if .existingSecret }}
- name: tls
  secret:
    secretName: {{ .existingSecret }}
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- if ne .clientAuth "none" }}
- name: client-ca
  secret:
    secretName: {{ default .existingSecret .clientCASecret }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}
{{- end }}
{{- with $root.Values.cluster }}
{{- if and .enabled .tls.existingSecret }}
- name: cluster-tls
  secret:
    secretName: {{ .tls.existingSecret }}
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}, {key: ca.crt, path: ca.crt}]
{{- end }}
{{- if .enabled }}
- name: cluster-secret
  secret:
    secretName: {{ default (index $ 1) .existingSecret }}
    items:
      - key: {{ include "wagroups.clusterSecretKey" $root }}
        path: secret
{{- end }}
{{- end }}
{{- end }}

{{- define "wagroups.settingsMounts" -}}
- name: config
  mountPath: /etc/wagroups
  readOnly: true
{{- if include "wagroups.wahaKeys" . | fromJsonArray }}
- name: waha-keys
  mountPath: /etc/wagroups-waha
  readOnly: true
{{- end }}
{{- if include "wagroups.natsFiles" . | fromJson }}
- name: nats
  mountPath: /etc/wagroups-nats
  readOnly: true
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  mountPath: /etc/wagroups-tls
  readOnly: true
{{- if ne .Values.tls.clientAuth "none" }}
- name: client-ca
  mountPath: /etc/wagroups-client-ca
  readOnly: true
{{- end }}
{{- end }}
{{- if and .Values.cluster.enabled .Values.cluster.tls.existingSecret }}
- name: cluster-tls
  mountPath: /etc/wagroups-cluster-tls
  readOnly: true
{{- end }}
{{- if .Values.cluster.enabled }}
- name: cluster-secret
  mountPath: /etc/wagroups-cluster
  readOnly: true
{{- end }}
{{- end }}

{{/* What the relay logs in with: the files by the settings that name them, and the keys of the Secret, as JSON. */}}
{{- define "wagroups.natsFiles" -}}
{{- $files := dict }}
{{- with .Values.nats }}
{{- if .url }}
{{- range $file, $key := dict "token" .tokenKey "credentials" .credentialsKey "cert" .certKey "key" .certPrivateKey }}
{{- if $key }}
{{- $_ := set $files $file $key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $files }}
{{- end }}

{{- define "wagroups.clusterSecretKey" -}}
{{- if .Values.cluster.existingSecret }}{{ .Values.cluster.secretKey }}{{ else }}cluster-secret{{ end }}
{{- end }}

{{/* What pods show each other, in base64: the one that the release has already, or one at random. That is made once for
     all templates, since the Deployment has its sum. */}}
{{- define "wagroups.clusterSecret" -}}
{{- if not (hasKey .Values.cluster "_made") }}
{{- $held := (lookup "v1" "Secret" .Release.Namespace (include "wagroups.fullname" .)).data | default dict }}
{{- $_ := set .Values.cluster "_made" (get $held "cluster-secret" | default (randAlphaNum 48 | b64enc)) }}
{{- end }}
{{- .Values.cluster._made }}
{{- end }}

{{- define "wagroups.makesClusterSecret" -}}
{{- if and .Values.cluster.enabled (not .Values.cluster.existingSecret) }}true{{ end }}
{{- end }}

{{/* The keys as the environment has them. */}}
{{- define "wagroups.apiKeys" -}}
{{- $entries := list }}
{{- range .Values.auth.keys }}
{{- $entry := printf "%s:%s:%s" .name (lower .sha256) (join "|" .sessions) }}
{{- $entries = append $entries (empty .role | ternary $entry (printf "%s:%s" $entry .role)) }}
{{- end }}
{{- join "," $entries }}
{{- end }}

{{/* Callers by certificate, as a list in TOML. */}}
{{- define "wagroups.certificates" -}}
{{- $entries := list }}
{{- range . }}
{{- $entries = append $entries (printf "{ name = %s, san = %s, sessions = %s, role = %s }" (toJson .name) (toJson .san) (toJson .sessions) (toJson .role)) }}
{{- end }}
{{- printf "[%s]" (join ", " $entries) }}
{{- end }}

{{/* Whether the chart has a Secret to make. */}}
{{- define "wagroups.makesSecret" -}}
{{- if or .Values.auth.keys .Values.database.url (include "wagroups.makesClusterSecret" .) }}true{{ end }}
{{- end }}

{{/* That Secret's data. */}}
{{- define "wagroups.secretData" -}}
{{- if .Values.database.url }}
database-url: {{ .Values.database.url | b64enc }}
{{- end }}
{{- if .Values.auth.keys }}
api-keys: {{ include "wagroups.apiKeys" . | b64enc }}
{{- end }}
{{- if include "wagroups.makesClusterSecret" . }}
cluster-secret: {{ include "wagroups.clusterSecret" . }}
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
- name: WAGROUPS_{{ upper .setting }}__LISTEN
  value: {{ printf "%s:%d" $root.Values.listenAddress (int .port) | quote }}
{{- end }}
{{- if not .ops.enabled }}
- name: WAGROUPS_OPS__LISTEN
  value: "off"
{{- end }}
{{- if .cluster.enabled }}
# A variable that stands in another one has to come before it.
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: WAGROUPS_CLUSTER__ADDRESS
  value: {{ printf (eq .cluster.ipFamily "IPv6" | ternary "[$(POD_IP)]:%d" "$(POD_IP):%d") (int .cluster.port) | quote }}
- name: WAGROUPS_CLUSTER__SECRET_FILE
  value: /etc/wagroups-cluster/secret
{{- end }}
{{- if and .cluster.enabled .cluster.tls.existingSecret }}
{{- range $setting, $file := dict "CERT" "tls.crt" "KEY" "tls.key" "CA" "ca.crt" }}
- name: WAGROUPS_CLUSTER__{{ $setting }}_FILE
  value: /etc/wagroups-cluster-tls/{{ $file }}
{{- end }}
- name: WAGROUPS_CLUSTER__SERVER_NAME
  value: {{ .cluster.tls.serverName | quote }}
{{- end }}
{{- if .tls.existingSecret }}
- name: WAGROUPS_TLS__CERT_FILE
  value: /etc/wagroups-tls/tls.crt
- name: WAGROUPS_TLS__KEY_FILE
  value: /etc/wagroups-tls/tls.key
{{- with .auth.certificates }}
- name: WAGROUPS_AUTH__CERTIFICATES
  value: {{ include "wagroups.certificates" . | quote }}
{{- end }}
{{- if ne .tls.clientAuth "none" }}
- name: WAGROUPS_TLS__CLIENT_AUTH
  value: {{ .tls.clientAuth }}
- name: WAGROUPS_TLS__CLIENT_CA_FILE
  value: /etc/wagroups-client-ca/ca.crt
{{- end }}
{{- if .ops.tls }}
- name: WAGROUPS_OPS__TLS
  value: "true"
{{- end }}
{{- end }}
{{- with .nats.url }}
- name: WAGROUPS_NATS__URL
  value: {{ . | quote }}
{{- end }}
{{- range $file, $_ := include "wagroups.natsFiles" $root | fromJson }}
- name: WAGROUPS_NATS__{{ upper $file }}_FILE
  value: /etc/wagroups-nats/{{ $file }}
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
