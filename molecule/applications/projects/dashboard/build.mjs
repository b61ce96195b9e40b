import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const source = readFileSync('assets/dashboard.js', 'utf8').replace(/\s*\/\/.*/g, '')
const name = `dashboard.${createHash('sha256').update(source).digest('hex').slice(0, 8)}.js`

mkdirSync('static/dist', { recursive: true })
writeFileSync(`static/dist/${name}`, source)
writeFileSync('static/dist/manifest.json', JSON.stringify({ 'dashboard.js': name }))
