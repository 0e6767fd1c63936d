// Package picture draws what pages and READMEs show: lines and bars as SVG that needs no script, and the top of pages that
// refer to nothing outside themselves. Texts that some process or buyer wrote are made harmless first, see [Plain].
package picture
