"""The page's style sheet."""

STYLE = """
.board {
  display: grid; gap: 10px; padding: 10px; box-sizing: border-box; width: 100%;
  grid-template-columns: minmax(0, 3fr) minmax(250px, 1.2fr) minmax(290px, 1.6fr);
  grid-template-rows: auto 1fr auto;
  grid-template-areas: "chip controls selected" "trends controls selected" "bids bids bids";
}
.board .panel {
  border: 1px solid #ddd; border-radius: 6px; padding: 8px 10px; min-width: 0; background: #fff; color: #222;
}
.place-chip { grid-area: chip; }
.place-controls { grid-area: controls; }
.place-selected { grid-area: selected; }
.place-trends { grid-area: trends; }
.place-trends img { width: 100%; height: auto; }
.place-bids { grid-area: bids; }
.board h3 { font-size: 15px; margin: 0 0 4px; }
.board h4 {
  font-size: 12px; font-weight: 600; margin: 8px 0 0; color: #666; border-top: 1px solid #eee; padding: 4px 0;
}
.board .place-controls .v-btn { min-width: 0; padding: 0 12px; }
.board .label { font-size: 12px; color: #444; margin: 4px 0 -2px; }
.board .v-input label, .board .v-input .v-label { font-size: 12px; }
.board .place-controls .v-input { margin: 0 10px 0 0; }
.board .place-controls .v-slider { margin: 0 10px; }
.board .place-controls .v-slider .v-input__control { min-height: 24px; }
.board .v-input .v-input__details, .board .v-messages, .board .v-text-field__details { display: none; }
.board .quiet { color: #777; }
.board .headline { font-size: 13px; margin: 6px 0; color: #444; }
.board .headline .rounds { font-size: 15px; color: #111; margin-right: 8px; }
.board .facts { font-size: 13px; border-collapse: collapse; }
.board .facts th {
  text-align: left; font-weight: 400; color: #666; padding: 0 10px 0 0; vertical-align: top; white-space: nowrap;
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
