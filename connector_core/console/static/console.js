// What makes the console pleasant; everything works without it, by sending the whole form.
"use strict";

const form = document.getElementById("config");

function fieldsOf(name) {
  return [...form.elements].filter((one) => one.name === name);
}

// Times stand in the page in UTC; the reader's own is friendlier.

function localize(root) {
  for (const time of root.querySelectorAll("time")) {
    time.title = time.textContent;
    time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  }
}

// No :focus matches a frame, wherever in it the focus is, and a mail that has not come yet shows nothing of its own.
// Some browsers say only after the blur which frame has the focus, and none says when it goes from frame to frame.

function ringFrames() {
  for (const frame of document.querySelectorAll("iframe")) {
    frame.classList.toggle("focused", frame === document.activeElement);
  }
}

// Somebody who doesn't see the page hears what changes elsewhere than where they are.

function say(text) {
  document.getElementById("said").textContent = text;
}

// Issues: asked for when somebody leaves a field, and shown beside the fields that were left.

const left = new Set();

function belongs(slot, other) {
  return other === slot || other.startsWith(`${slot}/`);
}

function slotOf(element) {
  return (element.name || "").split("#")[0];
}

// Where an entry of a map is typed, and where a setting is, which for a secret is one input of two.
function controlsOf(slot) {
  const control = document.getElementById(`f${slot}`);
  const around = control?.closest(".secret");
  const found = around ? [...around.querySelectorAll("input:not([type=hidden])")] : [control];
  return [document.getElementById(`k${slot}`), ...found].filter((one) => one?.matches("input, select, textarea"));
}

function makeLines(tag, messages) {
  return messages.map((message) => Object.assign(document.createElement(tag), { textContent: message }));
}

function showIssues(issues, isShown) {
  const heard = [];
  for (const place of form.querySelectorAll(".issues[data-slot]")) {
    const slot = place.dataset.slot;
    if (!isShown(slot)) continue;
    const messages = issues.filter((one) => one.slot === slot).map((one) => one.message);
    const before = [...place.children].map((line) => line.textContent);
    heard.push(...messages.filter((message) => !before.includes(message)));
    place.replaceChildren(...makeLines("p", messages));
    for (const control of controlsOf(slot)) {
      if (messages.length) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }
  return heard;
}

// What the console refuses is told here, since a new page would lose what was typed. Who signed in anew, in another tab,
// has forms with another token: this page takes that one and asks again.

class Refusal extends Error {}

async function readPage(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function renewToken() {
  const page = await readPage(await fetch(location.href));
  const token = page.querySelector("#config [name=csrf]")?.value;
  const inputs = [...document.querySelectorAll("[name=csrf]")];
  const isNew = token && inputs.some((one) => one.value !== token);
  if (isNew) for (const one of inputs) one.value = token;
  return isNew;
}

async function post(url, fields = {}, headers = {}) {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  const answer = await fetch(url, { method: "POST", body, headers });
  if (answer.status === 403 && (await renewToken())) return post(url, fields, headers);
  if (!answer.ok && ![409, 422].includes(answer.status)) {
    throw new Refusal((await readPage(answer)).querySelector("main p").textContent);
  }
  return answer;
}

function explain(error) {
  return error instanceof Refusal ? error.message : form.dataset.failed;
}

async function askIssues() {
  const answer = await post(form.dataset.issues);
  return (await answer.json()).issues;
}

let asked = 0;

async function checkLeft(event) {
  const slot = slotOf(event.target);
  if (!slot.startsWith("/")) return;
  left.add(slot);
  const number = ++asked;
  try {
    const issues = await askIssues();
    if (number === asked) say(showIssues(issues, (one) => one && [...left].some((other) => belongs(one, other))).join(" "));
  } catch {
    // The console doesn't answer; saving will tell.
  }
}

// Rows: added from a template, removed at once.

function numberRows(rows) {
  [...rows.children].forEach((row, index) => {
    const which = row.dataset.row || index + 1;
    row.setAttribute("aria-label", `${rows.dataset.name} ${which}`);
    row.querySelector(":scope > [data-remove]")?.setAttribute("aria-label", `${rows.dataset.removeName} ${which}`);
  });
}

function addRow(button) {
  const template = button.previousElementSibling;
  const rows = template.previousElementSibling;
  const ids = [...rows.children].map((row) => Number(row.querySelector("input[type=hidden]").value));
  const holder = document.createElement("template");
  holder.innerHTML = template.innerHTML.replaceAll(template.dataset.rowId, String(Math.max(-1, ...ids) + 1));
  rows.append(holder.content);
  numberRows(rows);
  applyConditions();
  rows.lastElementChild.querySelector("input:not([type=hidden]), select, textarea")?.focus();
}

function removeRow(button) {
  const row = button.closest("[data-row]");
  const rows = row.parentElement;
  const next = row.nextElementSibling || row.previousElementSibling;
  row.remove();
  numberRows(rows);
  (next?.querySelector(":scope > [data-remove]") || rows.parentElement.querySelector(":scope > [data-add]")).focus();
}

// Fields with a condition on other settings, and the sample that a payload stands for.

function valueOf(slot) {
  const [control] = fieldsOf(slot);
  if (!control) return undefined;
  if (control.type === "checkbox") return control.checked;
  if (control.tagName === "SELECT" && control.value) {
    try {
      return JSON.parse(control.value);
    } catch {
      return control.value;
    }
  }
  return control.value || undefined;
}

function applyConditions() {
  for (const field of form.querySelectorAll("[data-show-when]")) {
    const parent = field.dataset.at.slice(0, field.dataset.at.lastIndexOf("/"));
    const conditions = Object.entries(JSON.parse(field.dataset.showWhen));
    const holds = conditions.every(([key, wanted]) => valueOf(`${parent}/${key}`) === wanted);
    const written = [...field.querySelectorAll("input:not([type=hidden]), textarea, select")];
    const filled = written.some((one) => (one.type === "checkbox" ? one.checked : one.value));
    field.hidden = !holds && !filled;
  }
}

function showSample() {
  const payload = document.getElementById("payload");
  const sample = JSON.parse(payload.dataset.samples)[document.getElementById("usage_type").value];
  if (sample) payload.placeholder = JSON.stringify(sample);
}

// The test panel: the answer is put below the buttons, and the form stays as it is.

async function runPart(button) {
  const place = document.getElementById(button.dataset.part);
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(...makeLines("p", [place.dataset.busy]));
  say(place.dataset.busy);
  const buttons = [...form.querySelectorAll("[data-part]")];
  for (const one of buttons) one.disabled = true;
  try {
    const answer = await post(form.getAttribute("action"), { action: button.value }, { "X-Console-Part": button.dataset.part });
    if (answer.headers.get("X-Console-Part") !== button.dataset.part) throw new Error(String(answer.status));
    place.innerHTML = await answer.text();
    localize(place);
    if (answer.status === 422) showIssues(await askIssues(), () => true);
  } catch (error) {
    place.replaceChildren(Object.assign(document.createElement("p"), { className: "notice bad outcome", textContent: explain(error) }));
  }
  place.removeAttribute("aria-busy");
  for (const one of buttons) one.disabled = false;
  button.focus();
  const outcome = place.querySelector(".outcome");
  say(outcome.textContent.replace(/\s+/g, " "));
  outcome.scrollIntoView({ block: "nearest" });
}

// Save: what is wrong is shown without a new page, so that nothing typed goes away.

function showNotice(sentence) {
  const notice = Object.assign(document.createElement("div"), { className: "notice bad", tabIndex: -1 });
  notice.append(...makeLines("p", [sentence]));
  document.getElementById("notices").replaceChildren(notice);
  return notice;
}

function showProblem(issues) {
  showNotice(form.dataset.problem);
  showIssues(issues, () => true);
  const slot = [...form.querySelectorAll(".issues[data-slot]:not(:empty)")][0]?.dataset.slot;
  const control = document.getElementById(slot ? `f${slot}` : "raw") || document.getElementById("main");
  for (let around = control.parentElement; around; around = around.parentElement) {
    if (around.tagName === "DETAILS") around.open = true;
  }
  (controlsOf(slot || "").find((one) => one.checkVisibility()) || control).focus();
}

let isSaving = false;

async function saveIfGood(button) {
  if (isSaving) return; // a second click would meet what the first one saved
  isSaving = true;
  try {
    const issues = await askIssues();
    if (!issues.length) {
      isClean = true;
      form.dataset.checked = "true";
      form.requestSubmit(button);
      return;
    }
    showProblem(issues);
  } catch (error) {
    showNotice(explain(error)).focus();
  }
  isSaving = false;
}

let isClean = document.getElementById("unsaved")?.hidden; // an answer may show what isn't saved yet

function isBrokenJson() {
  const raw = document.getElementById("raw");
  try {
    if (raw) JSON.parse(raw.value);
    return false;
  } catch {
    return true;
  }
}

function markUnsaved() {
  isClean = false;
  document.getElementById("unsaved").hidden = false;
}

localize(document);
for (const kind of ["blur", "focus", "mouseover"]) window.addEventListener(kind, ringFrames);
window.addEventListener("blur", () => { setTimeout(ringFrames); });
if (form) {
  applyConditions();
  form.addEventListener("focusout", checkLeft);
  form.addEventListener("input", (event) => {
    if (slotOf(event.target).startsWith("/") || event.target.name === "raw") markUnsaved();
    if (event.target.name === "usage_type") showSample();
    applyConditions();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("#try input")) {
      event.preventDefault();
      form.querySelector("button[value=send]").click();
    }
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-add], [data-remove]")) {
      event.preventDefault();
      markUnsaved();
      if (button.matches("[data-add]")) addRow(button);
      else removeRow(button);
    } else if (button.matches("[data-part]")) {
      event.preventDefault();
      runPart(button);
    }
  });
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    const saves = button && ["save", "done"].includes(button.value);
    // The console may not show JSON again that it can't read, since it may hold a secret: it stays on this page.
    if ((saves || isBrokenJson()) && !form.dataset.checked) {
      event.preventDefault();
      saveIfGood(button);
    } else if (button?.value !== "sandbox") { // which takes the place of what was written
      isClean = true;
    }
    delete form.dataset.checked;
  });
  document.querySelector("[data-drop]")?.addEventListener("click", () => { isClean = true; });
  window.addEventListener("pageshow", () => { isSaving = false; });
  window.addEventListener("beforeunload", (event) => {
    if (!isClean) event.preventDefault();
  });
}
