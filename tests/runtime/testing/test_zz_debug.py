import json
import pytest
from .test_agreement import *
from .api import API
from .random_writes import random_writes

@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize(("seed","step"), [(2,16),(3,12),(6,21),(4,13)])
async def test_debug(client, namespace, seed, step):
    async def run(transport):
        api = API(transport, namespace)
        reqs = []
        send = api.send
        async def rec(method, path, body=None, content_type="application/json", **params):
            reqs.append((method, path, body, content_type, params))
            return await send(method, path, body, content_type, **params)
        api.send = rec
        await random_writes(seed)(api)
        return api.log, reqs
    log, reqs = await run(client.transport)
    def short(o):
        return json.dumps({**o, "metadata": {k: (v if k!="managedFields" else [(e["manager"],e["operation"],e.get("subresource"),e["time"],e["fieldsV1"]) for e in v]) for k,v in o.get("metadata",{}).items()}})
    print("SEED", seed, step)
    name = reqs[step][1].split("gadgets")[1][1:2]
    prev = [i for i in range(step) if name in (reqs[i][1].split("gadgets")[1][1:2] or reqs[i][2]["metadata"].get("name")) and "error" not in log[i]]
    print("BEFORE", short(log[prev[-1]]))
    print("REQ", reqs[step])
    print("AFTER", short(log[step]))
