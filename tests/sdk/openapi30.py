"""Converts the document to OpenAPI 3.0 without `security` and OPTIONS, the only form that progenitor reads.

All other operations, schemas and answers keep their meaning.
"""


def downgrade(document):
    copy = rewrite(document)
    copy["openapi"] = "3.0.3"
    copy["info"]["license"].pop("identifier", None)
    copy["components"].pop("securitySchemes", None)
    for item in copy["paths"].values():
        item.pop("options", None)  # its code calls reqwest's Client::options, which does not exist
    for _, _, operation in operations(copy):
        operation.pop("security", None)
        for response in operation["responses"].values():
            one_type(response.get("content", {}))
    for response in copy["components"].get("responses", {}).values():
        one_type(response.get("content", {}))
    copy.pop("security", None)
    return copy


def operations(document):
    """Every operation of a document: path, method, operation."""
    methods = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
    for path, item in document["paths"].items():
        for method in methods:
            if method in item:
                yield path, method, item[method]


def rewrite(value):
    """`type: [T, "null"]` is `type: T, nullable: true` in OpenAPI 3.0."""
    if isinstance(value, list):
        return [rewrite(one) for one in value]
    if not isinstance(value, dict):
        return value
    copy = {name: rewrite(one) for name, one in value.items()}
    kinds = value.get("type")
    if isinstance(kinds, list):
        rest = [kind for kind in kinds if kind != "null"]
        assert len(rest) == 1, f"OpenAPI 3.0 cannot express {kinds}"
        copy["type"] = rest[0]
        if "null" in kinds:
            copy["nullable"] = True
    return copy


def one_type(content):
    """progenitor supports one media type for each response, and `application/json` as the only JSON type."""
    kinds = list(content)
    if len(kinds) > 1:
        content.clear()
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    elif kinds and kinds[0].endswith("+json"):
        content["application/json"] = content.pop(kinds[0])
