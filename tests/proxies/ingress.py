"""What the controller of ingress-nginx makes of a manifest, as far as it matters here (its template nginx.tmpl, 1.15)."""

import yaml

PREFIX = "nginx.ingress.kubernetes.io/"


def nginx_conf(manifest, hallpass):
    """The configuration for an Ingress and its ConfigMaps, with the addresses in place of the cluster's names."""
    ingress, *maps = yaml.safe_load_all(manifest)
    headers = {f"{item['metadata']['namespace']}/{item['metadata']['name']}": item["data"] for item in maps}
    annotations = {name.removeprefix(PREFIX): value for name, value in ingress["metadata"]["annotations"].items()}
    known = {"auth-url", "auth-response-headers", "auth-proxy-set-headers", "proxy-body-size", "proxy-buffer-size"}
    assert set(annotations) == known, annotations
    assert annotations["auth-url"] == f"http://hallpass.default.svc.cluster.local:{hallpass}/verify"
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    identity = annotations["auth-response-headers"].split(",")
    told = "\n".join(
        f"auth_request_set $authHeader{at} $upstream_http_{name.lower().replace('-', '_')}; proxy_set_header '{name}' $authHeader{at};"
        for at, name in enumerate(identity)
    )
    asked = "\n".join(f'proxy_set_header "{name}" "{value}";' for name, value in headers[annotations["auth-proxy-set-headers"]].items())
    custom = "\n".join(f'proxy_set_header {name} "{value}";' for name, value in headers["default/hallpass-service"].items())
    return f"""
events {{}}
http {{
    access_log off;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:8000;
        client_max_body_size {annotations["proxy-body-size"]};
        proxy_buffer_size {annotations["proxy-buffer-size"]};
        proxy_buffers 4 {annotations["proxy-buffer-size"]};
        location = /_external-auth-Lw-Prefix {{
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-Forwarded-Proto "";
            proxy_set_header X-Request-ID $request_id;
            proxy_set_header Host hallpass.default.svc.cluster.local;
            proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Sent-From "nginx-ingress-controller";
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Auth-Request-Redirect $request_uri;
            proxy_pass_request_headers on;
            {asked}
            proxy_http_version 1.1;
            set $target "http://127.0.0.1:{hallpass}/verify";
            proxy_pass $target;
        }}
        location / {{
            auth_request /_external-auth-Lw-Prefix;
            {told}
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Request-ID $request_id;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Scheme $scheme;
            proxy_set_header X-Original-URI $request_uri;
            proxy_set_header X-Scheme $scheme;
            proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;
            proxy_set_header X-Original-Forwarded-Host $http_x_forwarded_host;
            proxy_set_header Proxy "";
            {custom}
            proxy_http_version 1.1;
            proxy_pass http://127.0.0.1:{path["backend"]["service"]["port"]["number"]};
        }}
    }}
}}
"""
