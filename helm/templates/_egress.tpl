{{/* Where the service and the migration must get to: names, and the database. */}}
{{- define "wagroups.egressBasics" -}}
# DNS, wherever the cluster has it.
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- if eq .Values.database.type "postgres" }}
- ports:
    - port: {{ int .Values.networkPolicy.egress.databasePort }}
      protocol: TCP
  {{- with .Values.networkPolicy.egress.database }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
