"""The page's style sheet: light or dark as the browser is, its library's parts included, which would stay light."""

STYLE = """
:root {
  --paper: #ffffff; --ink: #1c1f23; --soft: #5c636b; --line: #d9dce0; --panel: #f2f3f5; --over: #eef3fa;
  --good: #e4f3e6; --warn: #b25600;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #1e2227; --ink: #e6e8ea; --soft: #a1a8b0; --line: #373d44; --panel: #2a3037; --over: #26323f;
    --good: #1f3a29; --warn: #f0a04b;
  }
  .v-theme--light {
    --v-theme-background: 21, 24, 28 !important; --v-theme-surface: 30, 34, 39 !important;
    --v-theme-on-background: 230, 232, 234 !important; --v-theme-on-surface: 230, 232, 234 !important;
    --v-border-color: 230, 232, 234 !important; color-scheme: dark;
  }
}
body .v-application.v-application { background: var(--paper); color: var(--ink); }
.board .v-sheet { background: transparent; color: inherit; }
.board {
  display: grid; gap: 10px; padding: 10px; box-sizing: border-box; width: 100%;
  grid-template-columns: minmax(0, 3fr) minmax(250px, 1.2fr) minmax(290px, 1.6fr);
  grid-template-rows: auto 1fr auto;
  grid-template-areas: "chip controls selected" "trends controls selected" "bids bids bids";
}
.board .panel {
  border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; min-width: 0;
  background: var(--paper); color: var(--ink);
}
.place-chip { grid-area: chip; }
.place-controls { grid-area: controls; }
.place-selected { grid-area: selected; }
.place-trends { grid-area: trends; }
.place-trends img { width: 100%; height: auto; }
.place-bids { grid-area: bids; }
.board h3 { font-size: 15px; margin: 0 0 4px; }
.board h4 {
  font-size: 12px; font-weight: 600; margin: 8px 0 0; color: var(--soft);
  border-top: 1px solid var(--line); padding: 4px 0;
}
.board .place-controls .v-btn { min-width: 0; padding: 0 12px; }
.board .label { font-size: 12px; color: var(--soft); margin: 4px 0 -2px; }
.board .v-input label, .board .v-input .v-label { font-size: 12px; }
.board .place-controls .v-input { margin: 0 10px 0 0; }
.board .place-controls .v-slider { margin: 0 10px; }
.board .place-controls .v-slider .v-input__control { min-height: 24px; }
.board .v-input .v-input__details, .board .v-messages, .board .v-text-field__details { display: none; }
.notice { color: var(--warn); border: 1px solid currentColor; border-radius: 6px; padding: 6px 10px; font-size: 13px; }
.board .quiet { color: var(--soft); }
.board .headline { font-size: 13px; margin: 6px 0; color: var(--soft); }
.board .headline .rounds { font-size: 15px; color: var(--ink); margin-right: 8px; }
.board .headline .quick { color: var(--warn); }
.board .facts { font-size: 13px; border-collapse: collapse; }
.board .facts th {
  text-align: left; font-weight: 400; color: var(--soft); padding: 0 10px 0 0; vertical-align: top; white-space: nowrap;
}
@media (max-width: 1000px) {
  .board {
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); grid-template-rows: none;
    grid-template-areas: "chip chip" "controls selected" "trends trends" "bids bids";
  }
}
@media (max-width: 640px) {
  .board { grid-template-columns: minmax(0, 1fr); grid-template-areas: "chip" "controls" "selected" "trends" "bids"; }
}
"""
