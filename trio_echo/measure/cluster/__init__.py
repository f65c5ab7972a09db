"""Load from many machines: the parts of a round run on the workers of a Dask cluster.

    async with connected("tcp://10.0.0.1:8786") as executor:
        samples = await run_round(target, workload, executor=executor)

Dask finds the machines and carries the messages. A part is the same process as on one machine: a
worker starts it, and relays its pipes.
"""
