// RxDB as npm has it, for one run: open what the last run left, replicate until everything is in step, close.
//
// Standard input: {"url", "token", "store", "batch", "pull": [{"scope", "kind"}], "items": [item, …]}
// Standard output: {"docs": {"<scope>/<kind>": [document, …]}, "asked": [checkpoint or null, …], "submissions": [item, …]}
// `store` is the file that holds the database between runs, as localStorage does in a browser.
import { readFileSync, writeFileSync, existsSync } from 'node:fs'
import { createRxDatabase } from 'rxdb/plugins/core'
import { replicateRxCollection } from 'rxdb/plugins/replication'
import { getRxStorageLocalstorage } from 'rxdb/plugins/storage-localstorage'

const { url, token, store, batch, pull, items } = JSON.parse(readFileSync(0, 'utf8'))
const asked = []

const kept = new Map(existsSync(store) ? JSON.parse(readFileSync(store, 'utf8')) : [])
const localStorage = {
  getItem: key => kept.get(key) ?? null,
  setItem: (key, value) => void kept.set(key, String(value)),
  removeItem: key => void kept.delete(key),
  key: place => [...kept.keys()][place] ?? null,
  get length () { return kept.size }
}

async function ask (path, options = {}) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await fetch(url + '/api/v1/sync/rx/' + path, { ...options, headers })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return answer.json()
}

const schema = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: { id: { type: 'string', maxLength: 64 } }
}

async function replicate (collection, options) {
  const running = replicateRxCollection({
    collection, replicationIdentifier: collection.name, live: false, waitForLeadership: false, ...options
  })
  const failed = new Promise((resolve, reject) => running.error$.subscribe(reject))
  await Promise.race([running.awaitInitialReplication(), failed])
  await Promise.race([running.awaitInSync(), failed])
  await running.cancel()
}

async function documents (collection) {
  return (await collection.find().exec()).map(document => document.toJSON())
}

const database = await createRxDatabase({
  name: 'gridwatch', storage: getRxStorageLocalstorage({ localStorage }), multiInstance: false
})
const docs = {}
for (const { scope, kind } of pull) {
  const name = `${kind}_${scope.replace(':', '_')}`
  const { [name]: collection } = await database.addCollections({ [name]: { schema } })
  await replicate(collection, {
    pull: {
      batchSize: batch,
      handler: async (checkpoint, limit) => {
        asked.push(checkpoint ?? null)
        const query = new URLSearchParams({ scope, limit })
        if (checkpoint) query.set('checkpoint', JSON.stringify(checkpoint))
        return ask(`${kind}?${query}`)
      }
    }
  })
  docs[`${scope}/${kind}`] = await documents(collection)
}

const { submissions } = await database.addCollections({ submissions: { schema } })
await submissions.bulkInsert(items)
await replicate(submissions, {
  push: { batchSize: batch, handler: rows => ask('submissions', { method: 'POST', body: JSON.stringify(rows) }) }
})
const answer = { docs, asked, submissions: await documents(submissions) }

await database.close()
writeFileSync(store, JSON.stringify([...kept]))
console.log(JSON.stringify(answer))
process.exit(0)
