// Upload one file with tus-js-client as it comes: node tus_upload.js '{"endpoint", "token", "file", "metadata", "options"}'
// Prints one JSON line: {"url", "requests"}; the exit status is 1 when it gave up.
import { createReadStream, statSync } from 'node:fs'
import { Upload } from 'tus-js-client'

const { endpoint, token, file, metadata, options } = JSON.parse(process.argv[2])
let requests = 0
const upload = new Upload(createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata,
  uploadSize: statSync(file).size,
  retryDelays: [0, 20, 50, 100, 200, 200, 200],
  ...options,
  onBeforeRequest: () => { requests += 1 },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => {
    console.log(JSON.stringify({ url: upload.url, requests }))
    process.exit(0)
  },
})
upload.start()
