"""Jobs: a file of posts is taken in whole, scored behind whatever somebody waits for, and its results are fetched later.

``POST /v1/batches`` writes the file to disk as it comes (:mod:`serve.batches.upload`). What is known of each batch lies in one
SQLite file (:mod:`serve.batches.store`), its posts and results in a folder of its own (:mod:`serve.batches.folders`). Each worker
takes one batch after the other (:mod:`serve.batches.running`); whoever works on one holds a lock that goes with its process,
however that ends.

Results are kept chunk by chunk: written, forced to disk, and then counted in SQLite. What lies behind the counted lengths, of a
worker that was killed, is cut off and scored again. So no row is lost or there twice, and the files are the same to the last byte
as without a break, as long as the model is the same.

What was sent is deleted when its batch ends; the results are kept for some days, up to a bound for each owner. Batches leave some
of the disk free (:mod:`serve.batches.disk`), so that on one that they have filled everything else goes on, and they can be deleted.
"""
