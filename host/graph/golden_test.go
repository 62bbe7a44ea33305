// SPDX-License-Identifier: Apache-2.0

package graph

// terminalGolden is the drawing of TestTerminal.
const terminalGolden = `
      ┌───────────────┐
      │ rows          │
      │ a.csv         │
      │ ✓ ok · 41 ms  │
      └───────┬───────┘
              │ 1,000 rows
┌─────────────┼────────────────────┐
│             ▼                    ▼
│  ┌─────────────────────┐  ┌─────────────┐
│  │ left                │  │ right       │
│  │ data.prepare        │  │ data.embed  │
│  │ → 990 rows · 2 KiB  │  └──────┬──────┘
│  └──────────┬──────────┘         │
│             │                    │
└───────────┐ │ ┌──────────────────┘
            ▼ ▼ ▼
       ┌─────────────┐
       │ out         │
       │ data.merge  │
       └─────────────┘
`
