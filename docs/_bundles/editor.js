// The editor of the live cells: CodeMirror, in the colours of the page (book.css, "live cells").
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightSpecialChars, keymap } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

// Make an editor in an element. Escape, then Tab, leaves it: CodeMirror's own way out.
export function makeEditor(parent, { source, label, onChange, onRun }) {
  const run = () => (onRun(), true);
  return new EditorView({
    parent,
    doc: source,
    extensions: [
      keymap.of([
        { key: "Mod-Enter", run },
        { key: "Shift-Enter", run },
        indentWithTab,
        ...defaultKeymap,
        ...historyKeymap,
      ]),
      EditorState.tabSize.of(4),
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onChange(update.state.doc.toString());
      }),
      bracketMatching(),
      drawSelection(),
      highlightSpecialChars(),
      history(),
      indentOnInput(),
      indentUnit.of("    "),
      python(),
      syntaxHighlighting(classHighlighter),
    ],
  });
}
