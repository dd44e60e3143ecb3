// Take out of HTML whatever could run: scripts, handlers, frames, and forms that send something.
import DOMPurify from "dompurify";

export const cleanHtml = (text) =>
  DOMPurify.sanitize(text, { RETURN_DOM_FRAGMENT: true, FORBID_TAGS: ["form", "style"] });
