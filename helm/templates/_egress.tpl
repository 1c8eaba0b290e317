{{/* Where the service and the migration must get to: names, the database, and what the user adds. The migration goes
     first: what only the service could reach would never be asked for. */}}
{{- define "wagroups.egressBasics" -}}
# DNS, wherever the cluster has it.
- ports:
    {{- range uniq (.Values.networkPolicy.egress.dnsPorts | default (list)) }}
    - port: {{ int . }}
      protocol: UDP
    - port: {{ int . }}
      protocol: TCP
    {{- end }}
{{- if eq .Values.database.type "postgres" }}
- ports:
    - port: {{ int .Values.networkPolicy.egress.databasePort }}
      protocol: TCP
  {{- with .Values.networkPolicy.egress.database }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- with .Values.networkPolicy.egress.extra }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where URLs of callers may lead, pictures and receivers of webhooks; the program refuses other addresses by itself. */}}
{{- define "wagroups.publicAddresses" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
- ipBlock:
    cidr: ::/0
    except: ["::1/128", "fc00::/7", "fe80::/10"]
{{- end }}
