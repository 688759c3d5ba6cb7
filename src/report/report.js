"use strict";
(function () {
  var bar = document.querySelector(".filter");
  var rows = Array.from(document.querySelectorAll("tr[data-severity]"));
  if (bar && rows.length > 0) {
    var text = bar.querySelector("input[type=search]");
    var severity = bar.querySelector("select");
    var boxes = bar.querySelectorAll("input[type=checkbox]");
    var count = bar.querySelector("output");
    var words = rows.map(function (row) { return row.textContent.toLowerCase(); });
    var filter = function () {
      var wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      var least = Number(severity.value);
      var shown = 0;
      rows.forEach(function (row, i) {
        var visible = Number(row.dataset.severity) >= least &&
          (!boxes[0].checked || row.dataset.kev === "1") &&
          (!boxes[1].checked || row.dataset.fix === "1") &&
          wanted.every(function (word) { return words[i].includes(word); });
        row.hidden = !visible;
        shown += visible ? 1 : 0;
      });
      count.textContent = shown + " of " + rows.length;
    };
    bar.addEventListener("input", filter);
    bar.hidden = false;
    filter();
  }

  var value = function (row, column) {
    var cell = row.cells[column];
    return cell.dataset.value !== undefined ? Number(cell.dataset.value) : cell.textContent;
  };
  document.querySelectorAll("table.sortable").forEach(function (table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.appendChild(button);
      button.addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") === "descending";
        var body = table.tBodies[0];
        var sorted = Array.from(body.rows).sort(function (a, b) {
          var x = value(a, column), y = value(b, column);
          var order = typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true });
          return up ? order : -order;
        });
        Array.from(head.parentNode.cells).forEach(function (other) {
          other.removeAttribute("aria-sort");
        });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        body.append.apply(body, sorted);
      });
    });
  });
})();
