{{/* The alerts, in the order of docs/OPERATIONS.md, which says of each what to do. */}}

{{/* What a counter has grown by. A counter does not exist before it first counts, and `increase` does not see the step
     from nothing to 1; so a series that was not there at the beginning of the span counts as a whole.
     Called with (list series span). */}}
{{- define "wagroups.grown" -}}
{{- $series := index . 0 }}{{ $span := index . 1 -}}
(increase({{ $series }}[{{ $span }}]) > 0 or ({{ $series }} unless {{ $series }} offset {{ $span }}))
{{- end }}

{{/* Called with (list metric labels), the metric being a histogram in seconds. */}}
{{- define "wagroups.p99" -}}
histogram_quantile(0.99, sum by (le) (rate({{ index . 0 }}_bucket{ {{- index . 1 -}} }[10m])))
{{- end }}

{{/* A gauge as the pod tells it that acts: the others keep what they knew when they last did, or never knew.
     Called with ($ series). */}}
{{- define "wagroups.ofOwner" -}}
{{- $root := index . 0 }}{{ $series := index . 1 }}
{{- $of := printf `namespace="%s",service="%s"` $root.Release.Namespace (include "wagroups.serviceName" (list $root "ops")) }}
{{- $series }}{{ if $root.Values.cluster.enabled }} and on (pod) (wagroups_cluster_owner{ {{- $of -}} } == 1){{ end }}
{{- end }}

{{- define "wagroups.alerts" -}}
{{- $of := printf `namespace="%s",service="%s"` .Release.Namespace (include "wagroups.serviceName" (list . "ops")) }}
{{- $limits := .Values.prometheusRule.thresholds -}}
- alert: WagroupsDown
  expr: >-
    absent(up{ {{- $of -}} } == 1)
  for: 3m
  labels: {severity: critical}
  annotations:
    summary: wagroups does not answer
    description: Prometheus has not reached its metrics for 3 minutes.
- alert: WagroupsCommitsFail
  expr: >-
    sum{{ include "wagroups.grown" (list (printf "wagroups_commit_failures_total{%s}" $of) "3m") }} > 0
    or max({{ include "wagroups.ofOwner" (list . (printf "wagroups_commits_work{%s}" $of)) }}) == 0
  # Longer than one failure is remembered, so that one wakes nobody.
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: Changes cannot be stored
    description: Commits have been failing for minutes; changes are refused, webhooks have to be sent again.
- alert: WagroupsTwoWriters
  expr: >-
    sum{{ include "wagroups.grown" (list (printf "wagroups_commit_conflicts_total{%s}" $of) "10m") }} > 0
  labels: {severity: critical}
  annotations:
    summary: Another process writes to the same database
    description: >-
      {{ `{{ $value }} writes lost against another process in 10 minutes. Each start takes the database over from the one before.` }}
- alert: WagroupsCommitsSlow
  expr: >-
    {{ include "wagroups.p99" (list "wagroups_commit_seconds" $of) }} > {{ $limits.commitSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Commits are slow
    description: >-
      {{ `The 99th percentile of a commit is {{ $value | humanizeDuration }}; every change waits so long.` }}
- alert: WagroupsErrors
  expr: >-
    sum(rate(wagroups_rpcs_total{ {{- $of }},code=~"Internal|Unavailable"}[10m]))
    / sum(rate(wagroups_rpcs_total{ {{- $of -}} }[10m])) > {{ $limits.errorRatio }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Calls end in errors of the service
    description: >-
      {{ `{{ $value | humanizePercentage }} of the calls end in INTERNAL or UNAVAILABLE.` }}
- alert: WagroupsPanics
  expr: >-
    sum{{ include "wagroups.grown" (list (printf "wagroups_panics_total{%s}" $of) "1h") }} > 0
  labels: {severity: warning}
  annotations:
    summary: A call has panicked
    description: A bug. The service goes on; its log has the place.
- alert: WagroupsOutcomeUnknown
  expr: >-
    sum by (engine, operation) {{ include "wagroups.grown" (list (printf `wagroups_engine_calls_total{%s,outcome="unknown"}` $of) "15m") }} > 0
  labels: {severity: warning}
  annotations:
    summary: Changes were sent and not answered
    description: >-
      {{ `{{ $value }} calls of {{ $labels.operation }} to {{ $labels.engine }} have an outcome that nobody knows.` }}
- alert: WagroupsEngineWaits
  expr: >-
    {{ include "wagroups.p99" (list "wagroups_engine_wait_seconds" $of) }} > {{ $limits.engineWaitSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Calls wait long for their turn to WhatsApp
    description: >-
      {{ `The 99th percentile of the wait is {{ $value | humanizeDuration }}.` }}
- alert: WagroupsWahaServerDown
  expr: >-
    max by (server) ({{ include "wagroups.ofOwner" (list . (printf "wagroups_waha_server_up{%s}" $of)) }}) == 0
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: A WAHA server does not answer
    description: >-
      {{ `{{ $labels.server }} is left alone after failures in a row; its sessions cannot be used.` }}
- alert: WagroupsWahaStreamClosed
  expr: >-
    {{- $open := include "wagroups.ofOwner" (list . (printf "wagroups_waha_stream_open{%s}" $of)) }}
    max by (server) ({{ $open }}) == 0
    or (max by (server) ({{ include "wagroups.ofOwner" (list . (printf "wagroups_waha_server_up{%s}" $of)) }}) unless max by (server) ({{ $open }}))
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: A WAHA server tells nothing
    description: >-
      {{ `The stream of {{ $labels.server }} is not open; changes are found by comparisons only.` }}
- alert: WagroupsComparisonsFail
  expr: >-
    sum by (outcome) {{ include "wagroups.grown" (list (printf `wagroups_comparisons_total{%s,outcome=~"refused|failed"}` $of) "1h") }} > 0
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Groups cannot be compared with WhatsApp's
    description: >-
      {{ `{{ $value }} comparisons were {{ $labels.outcome }} in an hour; what was missed stays missed.` }}
- alert: WagroupsWatchersNearLimit
  expr: >-
    max(wagroups_watchers{ {{- $of -}} }) > {{ mulf $limits.watchersRatio (.Values.settings.watch.max_watchers | default 20000) }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: Hardly room for more watches
    description: >-
      {{ `{{ $value }} watches are open; settings.watch.max_watchers refuses more.` }}
- alert: WagroupsWebhooksRefused
  expr: >-
    sum by (cause) {{ include "wagroups.grown" (list (printf `wagroups_waha_ingress_refused_total{%s,cause!~"NO_SUCH_PATH|METHOD_NOT_ALLOWED"}` $of) "10m") }} > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: Webhooks are refused
    description: >-
      {{ `{{ $value }} webhooks were refused in 10 minutes for {{ $labels.cause }}. WAHA sends each 16 times at most, then it is lost.` }}
- alert: WagroupsWebhooksLate
  expr: >-
    {{ include "wagroups.p99" (list "wagroups_waha_ingress_lag_seconds" $of) }} > {{ $limits.webhookLagSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: WAHA's events come late
    description: >-
      {{ `The 99th percentile of their age is {{ $value | humanizeDuration }}.` }}
- alert: WagroupsDeliveriesBehind
  expr: >-
    max({{ include "wagroups.ofOwner" (list . (printf "wagroups_delivery_behind_seconds{%s}" $of)) }}) > {{ $limits.deliveryBehindSeconds }}
  # A replay begins with old events, and is usually through by then.
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: The receiver of a webhook is behind
    description: >-
      {{ `The oldest event that is not delivered is {{ $value | humanizeDuration }} old; a receiver fails, or is slow.` }}
- alert: WagroupsWebhookPaused
  expr: >-
    max({{ include "wagroups.ofOwner" (list . (printf `wagroups_webhook_subscriptions{%s,state="paused_by_failure"}` $of)) }}) > 0
  for: 1m
  labels: {severity: warning}
  annotations:
    summary: A webhook has paused itself
    description: >-
      {{ `{{ $value }} webhooks are paused and do not go on by themselves. Nothing is lost while the log keeps what they wait for.` }}
- alert: WagroupsWebhookExpired
  expr: >-
    max({{ include "wagroups.ofOwner" (list . (printf `wagroups_webhook_subscriptions{%s,state="expired"}` $of)) }}) > 0
  for: 1m
  labels: {severity: warning}
  annotations:
    summary: A webhook has lost events
    description: >-
      {{ `{{ $value }} webhooks stand still, and retention has removed events that they had not delivered.` }}
{{- if .Values.nats.url }}
- alert: WagroupsRelayBehind
  expr: >-
    max({{ include "wagroups.ofOwner" (list . (printf "wagroups_relay_behind_seconds{%s}" $of)) }}) > {{ $limits.relayBehindSeconds }}
    or max({{ include "wagroups.ofOwner" (list . (printf `wagroups_relay_state{%s,state!="publishing"}` $of)) }}) > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: The log does not get to NATS
    description: The relay fails, has stopped, or is slow. Nothing is lost while the log keeps what it has not published.
- alert: WagroupsRelayLost
  expr: >-
    sum{{ include "wagroups.grown" (list (printf "wagroups_relay_lost_events_total{%s}" $of) "1h") }} > 0
  labels: {severity: critical}
  annotations:
    summary: Events have not got to NATS and never will
    description: >-
      {{ `Retention has removed {{ $value | humanize }} events in an hour that were not published.` }}
{{- end }}
{{- if or .Values.tls.existingSecret (and .Values.cluster.enabled .Values.cluster.tls.existingSecret) }}
- alert: WagroupsCertificateExpires
  expr: >-
    min by (pod, listener) (wagroups_tls_certificate_expiry_timestamp_seconds{ {{- $of -}} }) - time() < {{ int64 $limits.certificateSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: A certificate is about to expire
    description: >-
      {{ `The certificate that {{ $labels.pod }} shows at {{ $labels.listener }} expires in {{ $value | humanizeDuration }}; then clients refuse it.` }}
{{- end }}
{{- if .Values.cluster.enabled }}
- alert: WagroupsNoOwner
  expr: >-
    max(wagroups_cluster_owner{ {{- $of -}} }) == 0
  # Longer than any takeover.
  for: 1m
  labels: {severity: critical}
  annotations:
    summary: No replica acts
    description: Replicas are there, and none of them has been acting for a minute; reads and watches go on, changes are refused.
- alert: WagroupsOwnerFlaps
  expr: >-
    sum{{ include "wagroups.grown" (list (printf "wagroups_cluster_role_changes_total{%s}" $of) "15m") }} > {{ int $limits.roleChanges }}
  labels: {severity: warning}
  annotations:
    summary: Which replica acts changes again and again
    description: >-
      {{ `Replicas have changed their role {{ $value | humanize }} times in 15 minutes; each time sessions pause for a moment.` }}
- alert: WagroupsReplicaCutOff
  expr: >-
    max by (pod) (wagroups_cluster_heartbeat_age_seconds{ {{- $of -}} }) > 10
  for: 2m
  labels: {severity: warning}
  annotations:
    summary: A replica does not reach the database
    description: >-
      {{ `{{ $labels.pod }} had its last heartbeat confirmed {{ $value | humanizeDuration }} ago; it neither acts nor is ready.` }}
- alert: WagroupsHandOnFails
  expr: >-
    sum by (pod) {{ include "wagroups.grown" (list (printf `wagroups_handed_on_total{%s,outcome="no_owner"}` $of) "5m") }} > 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: A replica does not get calls to the one that acts
    description: >-
      {{ `{{ $labels.pod }} refused {{ $value | humanize }} calls with NO_OWNER in 5 minutes, and goes on doing so.` }}
- alert: WagroupsReplicaBehind
  expr: >-
    max by (pod) (wagroups_log_lag_events{ {{- $of -}} }) > {{ int64 $limits.lagEvents }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: A replica reads the log late
    description: >-
      {{ `{{ $labels.pod }} has not read {{ $value | humanize }} events yet; its reads are old, and its watchers wait.` }}
{{- end }}
{{- end }}
